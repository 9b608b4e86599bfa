package service

import (
	"errors"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/session"
	"github.com/edgematrix/emc/pkg/session/call"
)

func TestTokens(t *testing.T) {
	s := newScene(t, nil)
	g := s.get("/tokens/7")
	require.NoError(t, g.err)
	require.Equal(t, uint64(7), g.units)
	require.Equal(t, uint64(73), g.amount)
	g = s.ask(t.Context(), 1, 72, "GET", "/tokens/7", "", nil)
	require.NoError(t, g.err)
	require.Equal(t, uint64(3), g.amount, "what is not paid does not come")
	require.Equal(t, 400, g.status)
	require.Contains(t, g.body, `"code":"max_price"`)
	for _, strange := range []string{"-5", `"x"`, "1.5", "null"} {
		require.Equal(t, uint64(3), s.get("/tokens/"+strange).amount, strange)
	}
	require.Equal(t, 400, s.ask(t.Context(), 1, 1<<60, "GET", "/tokens/9223372036854775807", "", nil).status, "a number that overflows")
}

// A stream is paid for event by event, and at its end for what its usage has beyond that.
func TestStreamOfTokens(t *testing.T) {
	s := newScene(t, nil)
	g := s.get("/stream/20")
	require.NoError(t, g.err)
	require.Equal(t, uint64(45), g.units)
	require.Equal(t, uint64(453), g.amount)
	require.Contains(t, g.body, "data: [DONE]\n\n")

	// As many events come as are paid for, and then the answer ends.
	g = s.ask(t.Context(), 1, 57, "GET", "/stream/20", "", nil)
	require.ErrorIs(t, g.err, session.ErrPrice)
	require.Equal(t, uint64(5), g.units)
	require.Equal(t, chunkText+chunkText+chunkText+chunkText+chunkText, g.body)

	// What is told when all is delivered is charged as far as it was offered.
	g = s.ask(t.Context(), 1, 248, "GET", "/stream/20", "", nil)
	require.NoError(t, g.err)
	require.Equal(t, uint64(24), g.units)
	require.Contains(t, g.body, "data: [DONE]\n\n")
	s.soon(func() bool { return s.Loads()[0].Running == 0 }, "its place is not given back")
	require.EqualValues(t, 1, s.programs.started.Load(), "what is left of an answer is read, rather than a process started")
}

func TestCallsAndKiB(t *testing.T) {
	s := newScene(t, func(c *Config) { c.Unit = MeterCalls })
	require.ErrorIs(t, s.Admit("app", 12), session.ErrPrice)
	require.NoError(t, s.Admit("app", 13))
	g := s.get("/endless/")
	require.NoError(t, g.err)
	require.Equal(t, uint64(1), g.units)
	require.Equal(t, uint64(13), g.amount)

	s = newScene(t, func(c *Config) { c.Unit = MeterKiB })
	g = s.get("/endless/")
	require.NoError(t, g.err)
	require.Equal(t, uint64(1024), g.units)
	require.Equal(t, uint64(10243), g.amount)
	require.Equal(t, uint64(1), s.get("/say/").units)
	g = s.ask(t.Context(), 1, 58, "GET", "/endless/", "", nil)
	require.ErrorIs(t, g.err, session.ErrPrice)
	require.Len(t, g.body, 5<<10)
	require.Equal(t, uint64(53), g.amount)
}

// A customer who does not pay, or whose stream breaks, is no fault of the app.
func TestSendingFails(t *testing.T) {
	s := newScene(t, nil)
	broken := errors.New("broken stream")
	g := s.ask(t.Context(), 1, 1<<40, "GET", "/stream/5", "", func(call.Piece) error { return broken })
	require.ErrorIs(t, g.err, broken)
	require.Zero(t, s.list[0].health.deaths)
}

func TestProduct(t *testing.T) {
	require.Equal(t, uint64(23), product(2, 10, 3))
	require.Equal(t, uint64(math.MaxUint64), product(1<<40, 1<<40, 0))
	require.Equal(t, uint64(math.MaxUint64), product(1, math.MaxUint64, 1))
}

func TestEventData(t *testing.T) {
	for text, want := range map[string]string{"data: {}\n\n": "{}", "event: x\r\ndata:{}\r\n\r\n": "{}", ": comment\n\n": "", "\n": ""} {
		got, found := eventData([]byte(text))
		require.Equal(t, want, string(got))
		require.Equal(t, want != "", found)
	}
}
