package dispatch_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/mesh"
	"github.com/edgematrix/emc/pkg/session/call"
	"github.com/edgematrix/emc/router/dispatch"
)

// crowd makes calls by several callers, and tells the texts that a bad node got, in their order.
func (s *scene) crowd(bad *node, lie script, again func(), callers, calls int) (met []string) {
	s.Helper()
	var mu sync.Mutex
	bad.does(func(ctx context.Context, text string, send func(call.Piece) error) error {
		mu.Lock()
		met = append(met, text)
		mu.Unlock()
		return lie(ctx, text, send)
	})
	var all sync.WaitGroup
	var next atomic.Int64
	for range callers {
		all.Go(func() {
			for i := next.Add(1); i <= int64(calls); i = next.Add(1) {
				again() // gossip comes all the time
				want := s.want(fmt.Sprintf("call %d", i))
				want.MaxPrice += 7
				got, _, err := s.make(s.Context(), want)
				if err != nil || got != fmt.Sprintf("call %d", i) {
					s.Errorf("call %d: %q, %v", i, got, err)
				}
			}
		})
	}
	all.Wait()
	return met
}

// gossip brings what all nodes say; the bad one is idle and has many places.
func (s *scene) gossip(bad *node) {
	for _, n := range s.nodes {
		n.announce(func(st *mesh.Status) {
			if n == bad {
				st.Apps[0].Capacity = 1_000
			}
		})
	}
}

// A worker that announces free places at all times and never answers, or answers garbage: each call comes whole, and meets it
// once at most; soon hardly any call does, and no honest node is blamed.
func TestALyingWorker(t *testing.T) {
	for name, lie := range map[string]script{
		"never answers": hang,
		"answers garbage": func(_ context.Context, _ string, send func(call.Piece) error) error {
			return send(call.Piece{Data: []byte("SSH-2.0-garbage\r\n\r\n"), Units: 1, Amount: 7})
		},
		"fails": func(context.Context, string, func(call.Piece) error) error { return errApp },
	} {
		t.Run(name, func(t *testing.T) {
			const callers, calls = 4, 160
			s := newScene(t, 4, killable, with(func(c *dispatch.Config) { c.FirstByte = 5 * time.Second }))
			bad := s.node(50)
			met := s.crowd(bad, lie, func() { s.gossip(bad) }, callers, calls)
			of, late := map[string]int{}, 0
			for _, text := range met {
				of[text]++
				var i int
				_, err := fmt.Sscanf(text, "call %d", &i)
				require.NoError(t, err)
				if i > calls/2 {
					late++
				}
			}
			honest := 0
			for _, n := range s.nodes[:4] {
				honest += n.answered()
			}
			t.Logf("the liar got %d of %d calls, %d of them in the second half", len(met), calls, late)
			require.NotEmpty(t, met, "nobody called it")
			for text, n := range of {
				require.Equal(t, 1, n, text)
			}
			require.Equal(t, calls, honest)
			require.Less(t, len(met), calls/8, "a fifth is its turn")
			require.Less(t, late, calls/2/8)
			for _, n := range s.Snapshot().Nodes {
				if n.Key != [20]byte(bad.key.public.Address()) {
					require.Zero(t, n.Faults)
				}
			}
			require.Equal(t, s.charged, s.receipts())
			s.balance()
		})
	}
}

// A router that goes on passing on what a dead node said, as far as it held that back, costs a call one more try at most, and soon
// not even that.
func TestADeadNodeThatIsStillAnnounced(t *testing.T) {
	s := newScene(t, 3, killable)
	dead := s.node(50)
	dead.kill()
	require.Eventually(t, func() bool { return len(s.host.Network().Peers()) == 3 }, 10*time.Second, time.Millisecond)
	for i := range 100 {
		s.gossip(dead)
		s.heard(fmt.Sprint(i))
	}
	met := uint64(0)
	for _, n := range s.Snapshot().Nodes {
		if n.Key == [20]byte(dead.key.public.Address()) {
			met = n.Faults
		}
	}
	t.Logf("%d of 100 calls met the dead node", met)
	require.Positive(t, met)
	require.LessOrEqual(t, met, uint64(10), "25 is its turn")
	s.balance()
}
