package local

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session/call"
)

const patience = 30 * time.Second

// first is the router that calls go through now.
func (s *scene) first() *router {
	s.Helper()
	info, err := s.chain.Session(context.Background(), s.id)
	require.NoError(s, err)
	of := s.links.Of(info)
	require.Len(s, of, 2, "one that is away is still there, as the last")
	for _, r := range s.routers {
		if r.public.Address() == of[0].Address {
			return r
		}
	}
	return nil
}

func (s *scene) goesThrough(r *router, why string) {
	s.Helper()
	require.Eventually(s, func() bool { return s.first() == r }, patience, 5*time.Millisecond, why)
}

// live waits until both routers do, as the gateway sees it.
func (s *scene) live() {
	s.Helper()
	require.Eventually(s, func() bool { return !s.links[0].away() && !s.links[1].away() }, patience, 5*time.Millisecond)
}

// voucher is a small one that a router signs.
func (s *scene) voucher(i int) receipt.Voucher {
	s.Helper()
	v, err := receipt.Voucher{Lane: receipt.Lane{Session: s.id, Router: s.routers[i].public.Address(), Node: s.nodes[0].public.Address()}, KeyID: 1, Amount: 1, Root: receipt.EmptyRoot()}.Sign(chainID, newPair(s, 1))
	require.NoError(s, err)
	return v
}

func TestCallsGoThroughARouterThatLives(t *testing.T) {
	s := newScene(t)
	a, b := s.routers[0], s.routers[1]
	s.live()
	require.Equal(t, a, s.first(), "the first of the session")

	a.kill()
	s.goesThrough(b, "the other one, when it dies")
	_, err := s.links[0].Cosign(t.Context(), s.voucher(0))
	require.ErrorIs(t, err, errAway, "it is not waited for")
	a.start()
	s.goesThrough(a, "and the first again, when it lives")

	// A machine that hangs keeps its connections.
	a.freeze()
	waiting := make(chan error, 1)
	go func() {
		_, err := s.links[0].Cosign(context.Background(), s.voucher(0))
		waiting <- err
	}()
	s.goesThrough(b, "silence is death, too")
	select {
	case err := <-waiting:
		require.Error(t, err)
	case <-time.After(patience):
		t.Fatal("who waits for a signature goes elsewhere")
	}
	gone := make(chan struct{}, 100)
	s.host.Network().Notify(&network.NotifyBundle{DisconnectedF: func(_ network.Network, c network.Conn) {
		if at, _ := a.place(); c.RemotePeer() == at.ID {
			gone <- struct{}{}
		}
	}})
	select {
	case <-gone: // and the circuits through it, which nobody would hear of for half a minute
	case <-time.After(patience):
		t.Fatal("its connection stays")
	}
	a.thaw()
	s.goesThrough(a, "it works again")
}

// A router that answers pings and signs nothing is left alone for a while; its no is no fault.
func TestARouterThatDoesNotSign(t *testing.T) {
	l := &link{timing: timing{Silence: time.Hour, Rest: time.Hour, Most: 2 * time.Hour}, seen: time.Now()}
	require.False(t, l.away())
	for _, err := range []error{nil, &call.Error{Code: call.CodeCover}, &call.Error{Code: call.CodeSession}, &call.Error{Code: call.CodeStale}} {
		l.signed(err)
		require.False(t, l.away(), "%v", err)
	}
	for i, err := range []error{errors.New("the stream broke"), &call.Error{Code: call.CodeInternal}, call.ErrStream} {
		l.signed(err)
		require.True(t, l.away(), "%v", err)
		require.Equal(t, i+1, l.failed)
	}
	require.LessOrEqual(t, time.Until(l.until), 2*time.Hour)
	l.signed(nil)
	require.False(t, l.away())
}

// A router alone is asked, however it looks: there is nobody else.
func TestARouterAlone(t *testing.T) {
	s := newScene(t)
	s.links[0].alone = true
	s.live()
	s.links[0].mu.Lock()
	s.links[0].until = time.Now().Add(time.Hour)
	s.links[0].mu.Unlock()
	_, err := s.links[0].Cosign(t.Context(), s.voucher(0))
	require.NoError(t, err)
	require.False(t, s.links[0].away(), "and judged by what it does")
}
