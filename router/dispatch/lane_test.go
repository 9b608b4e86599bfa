package dispatch_test

import (
	"io"
	"runtime"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session/call"
	"github.com/edgematrix/emc/router/dispatch"
)

func TestLanesThatRestPay(t *testing.T) {
	s := newScene(t, 1, with(func(c *dispatch.Config) { c.SettleAge, c.Idle = 20*time.Millisecond, time.Second }))
	n := s.nodes[0]
	s.heard("0123456789")
	require.Eventually(t, func() bool { return n.node.Account(s.lane(n)).Exposure == 0 && s.standing(n).Owed() == 0 }, 5*time.Second, time.Millisecond)
	require.EqualValues(t, 1, n.streams.Load())
	require.Eventually(t, func() bool { return len(s.streams()) == 0 }, 5*time.Second, time.Millisecond, "the last stream is closed, too")
	require.Eventually(t, func() bool { return s.Lanes() == 0 }, 5*time.Second, time.Millisecond)

	// What was lost is asked for, too: it holds money.
	begun := make(chan struct{}, 1)
	n.does(begin(2, begun))
	a, err := s.Call(t.Context(), s.want("0123456789"))
	require.NoError(t, err)
	<-begun
	n.kill()
	_, err = io.ReadAll(a.Body)
	require.Error(t, err)
	require.NoError(t, a.Body.Close())
	require.Equal(t, 1, s.standing(n).Orphans)
	n.start()
	require.Eventually(t, func() bool { return s.standing(n).Open == 0 && n.node.Account(s.lane(n)).Exposure == 0 }, 5*time.Second, time.Millisecond)
	s.balance()
}

func TestARouterThatStopsPays(t *testing.T) {
	s := newScene(t, 2)
	for range 8 {
		s.heard("0123456789")
	}
	s.stop()
	s.running.Wait()
	for _, n := range s.nodes {
		require.Zero(t, n.node.Account(s.lane(n)).Exposure)
	}
	require.Eventually(t, func() bool { return len(s.streams()) == 0 }, 5*time.Second, time.Millisecond)
	s.balance()
}

func TestForget(t *testing.T) {
	s := newScene(t, 2)
	for range 4 {
		s.heard("x")
	}
	s.Forget(receipt.SessionID{1})
	require.Positive(t, s.Lanes())
	s.Forget(s.id)
	require.Zero(t, s.Lanes())
	require.Eventually(t, func() bool { return len(s.streams()) == 0 }, 5*time.Second, time.Millisecond)
	s.balance()
}

// TestARouterStopsWhateverANodeDoes: nothing of it runs afterwards.
func TestARouterStopsWhateverANodeDoes(t *testing.T) {
	s := newScene(t, 1, with(func(c *dispatch.Config) { c.SettleAge, c.Drain = 20*time.Millisecond, 100*time.Millisecond }))
	n := s.nodes[0]
	s.heard("x")
	asked := make(chan struct{}, 100)
	n.host.SetStreamHandler(call.Protocol, func(st network.Stream) { asked <- struct{}{}; silent(st) })
	for _, st := range s.streams() {
		_ = st.Reset()
	}
	<-asked // for money
	stopped := time.Now()
	s.stop()
	s.running.Wait()
	require.Less(t, time.Since(stopped), 5*time.Second)
	require.Eventually(t, func() bool { return len(s.streams()) == 0 }, 5*time.Second, time.Millisecond)
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	require.NotContains(t, string(stacks), "router/dispatch.(*")
	n.restart()
	s.balance()
}
