package call_test

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/session"
	"github.com/edgematrix/emc/pkg/session/call"
)

func TestRefusals(t *testing.T) {
	s := newScene(t, echo{})
	c := s.dial()
	s.chain.Close(sessionID)
	k, err := c.Call(s.ctx, "echo", []byte("x"), 100)
	require.NoError(t, err)
	_, err = io.ReadAll(k)
	require.ErrorIs(t, err, session.ErrSession)
	require.Equal(t, 1, s.lane.Standing().Orphans)
	require.NoError(t, c.Resume(s.ctx), "the stream is usable, and the call void")
	require.Zero(t, s.lane.Standing().Open)
	_, err = c.Call(s.ctx, "echo", make([]byte, call.MaxBody+1), 100)
	require.ErrorIs(t, err, call.ErrFrame)
	_, err = call.NewClient(call.ClientConfig{}, nil)
	require.ErrorIs(t, err, session.ErrConfig)
}

func TestOneCallAtATimeOnAStream(t *testing.T) {
	s := newScene(t, patient)
	c := s.dial()
	k, err := c.Call(s.ctx, "echo", nil, 100)
	require.NoError(t, err)
	_, err = c.Call(s.ctx, "echo", nil, 100)
	require.ErrorIs(t, err, session.ErrBusy)
	require.NoError(t, k.Cancel())
	require.NoError(t, k.Cancel())
}

func TestDeadlines(t *testing.T) {
	s := newScene(t, echo{})
	ours, theirs := net.Pipe()
	defer ours.Close()
	s.server.Idle = 20 * time.Millisecond
	require.ErrorContains(t, s.server.Serve(s.ctx, theirs), "timeout", "a customer who says nothing")

	ours, theirs = net.Pipe()
	defer theirs.Close()
	c, err := call.NewClient(call.ClientConfig{Lane: s.lane, Wait: 20 * time.Millisecond, Write: 20 * time.Millisecond, Drain: time.Second}, ours)
	require.NoError(t, err)
	_, err = c.Call(s.ctx, "echo", nil, 1)
	require.ErrorIs(t, err, call.ErrStream, "a node that reads nothing")
	require.Equal(t, 1, s.lane.Standing().Orphans)
}

func TestServerRefusesWhatIsNoFrame(t *testing.T) {
	s := newScene(t, echo{})
	for name, bytes := range map[string]string{
		"a node's frame": "\x00\x00\x00\x09\x04\x00\x00\x00\x00\x00\x00\x00\x00",
		"unknown kind":   "\x00\x00\x00\x01\xff",
		"too long":       "\xff\xff\xff\xff\x05",
		"text":           "GET / HTTP/1.1\r\n\r\n",
		"cut off":        "\x00\x00\x00\x20\x05abc",
		"no call":        "\x00\x00\x00\x02\x03x",
	} {
		ours, theirs := net.Pipe()
		done := make(chan error, 1)
		go func() { done <- s.server.Serve(s.ctx, theirs) }()
		_, _ = ours.Write([]byte(bytes))
		if name == "cut off" {
			_ = ours.Close()
		}
		go func() { _, _ = io.Copy(io.Discard, ours) }()
		require.Error(t, <-done, name)
		_ = ours.Close()
	}
}
