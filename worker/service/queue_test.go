package service

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
	"github.com/edgematrix/emc/pkg/session/call"
)

// waiters put themselves into a queue, one after the other, and note who was let in.
type waiters struct {
	*testing.T
	*queue
	mu   sync.Mutex
	in   []string
	done sync.WaitGroup
}

func (w *waiters) join(ctx context.Context, who string) {
	w.Helper()
	_, before := w.counts()
	w.done.Go(func() {
		err := w.enter(ctx, receipt.SessionID{who[0]})
		w.mu.Lock()
		defer w.mu.Unlock()
		if err != nil {
			who += " gone"
		}
		w.in = append(w.in, who)
	})
	require.Eventually(w, func() bool { _, now := w.counts(); return now == before+1 }, 5*time.Second, 100*time.Microsecond)
}

func (w *waiters) next(want ...string) {
	w.Helper()
	for _, who := range want {
		w.leave()
		require.Eventually(w, func() bool {
			w.mu.Lock()
			defer w.mu.Unlock()
			return len(w.in) > 0 && w.in[len(w.in)-1] == who
		}, 5*time.Second, 100*time.Microsecond, who)
	}
}

// A customer with many calls that wait does not keep out one who comes later with one.
func TestQueueIsFair(t *testing.T) {
	w := &waiters{T: t, queue: newQueue(1, 10)}
	require.NoError(t, w.enter(t.Context(), receipt.SessionID{}))
	for _, who := range []string{"a1", "a2", "a3", "a4", "b1", "c1", "b2"} {
		w.join(t.Context(), who)
	}
	require.False(t, w.tryCheck())
	w.next("a1", "b1", "c1", "a2", "b2", "a3", "a4")
	w.leave()
	running, waiting := w.counts()
	require.Zero(t, running+waiting)
	require.Empty(t, w.lines)
	require.Empty(t, w.turns)
}

func TestQueueIsBounded(t *testing.T) {
	w := &waiters{T: t, queue: newQueue(1, 4)}
	require.NoError(t, w.enter(t.Context(), receipt.SessionID{}))
	w.join(t.Context(), "a1")
	w.join(t.Context(), "a2")
	require.ErrorIs(t, w.enter(t.Context(), receipt.SessionID{'a'}), session.ErrBusy, "half of the places")
	w.join(t.Context(), "b1")
	require.False(t, w.full())
	w.join(t.Context(), "c1")
	require.True(t, w.full())
	require.ErrorIs(t, w.enter(t.Context(), receipt.SessionID{'d'}), session.ErrBusy)
	w.next("a1", "b1", "c1", "a2")

	none := newQueue(1, 0)
	require.True(t, none.tryCheck())
	require.False(t, none.full(), "a check turns nobody away")
	waits := make(chan error)
	go func() { waits <- none.enter(t.Context(), receipt.SessionID{}) }()
	require.Eventually(t, func() bool { _, n := none.counts(); return n == 1 }, 5*time.Second, time.Millisecond)
	require.True(t, none.full())
	none.endCheck()
	require.NoError(t, <-waits)
	none.leave()
	require.False(t, none.full())
	require.NoError(t, none.enter(t.Context(), receipt.SessionID{}))
	require.True(t, none.full())
	require.ErrorIs(t, none.enter(t.Context(), receipt.SessionID{}), session.ErrBusy)
}

func TestQueueForgetsWhoGoesAway(t *testing.T) {
	w := &waiters{T: t, queue: newQueue(1, 10)}
	require.NoError(t, w.enter(t.Context(), receipt.SessionID{}))
	ctx, cancel := context.WithCancel(t.Context())
	w.join(ctx, "a1")
	w.join(t.Context(), "a2")
	w.join(ctx, "b1")
	w.join(t.Context(), "c1")
	cancel()
	require.Eventually(t, func() bool { _, n := w.counts(); return n == 2 }, 5*time.Second, time.Millisecond)
	w.next("a2", "c1")
}

func TestQueueHeld(t *testing.T) {
	w := &waiters{T: t, queue: newQueue(2, 10)}
	w.hold(true)
	for _, who := range []string{"a1", "a2", "a3"} {
		w.join(t.Context(), who)
	}
	require.False(t, w.tryCheck())
	w.hold(false)
	require.Eventually(t, func() bool { running, waiting := w.counts(); return running == 2 && waiting == 1 }, 5*time.Second, time.Millisecond)
	w.leave()
	w.done.Wait()
}

// While the node proves nothing begins, what runs goes on, and its silence is no fault.
func TestHold(t *testing.T) {
	s := newScene(t, func(c *Config) { c.Patience, c.Processes = 50*time.Millisecond, 2 })
	goOn, began := make(chan bool), make(chan bool)
	running := make(chan got, 1)
	go func() {
		first := true
		running <- s.ask(t.Context(), 1, 1<<40, "GET", "/hang/middle", "", func(p call.Piece) error {
			if first {
				first = false
				close(began)
				<-goOn
			}
			return nil
		})
	}()
	<-began
	s.Hold(true)
	close(goOn)
	require.ErrorIs(t, s.Admit("app", 100), session.ErrBusy)
	waits := make(chan got, 1)
	go func() { waits <- s.get("/say/") }()
	select {
	case g := <-running:
		require.Fail(t, "a process that is frozen was killed", "%v", g.err)
	case <-waits:
		require.Fail(t, "a call began")
	case <-time.After(300 * time.Millisecond):
	}
	require.Equal(t, 1, s.Loads()[0].Running)
	s.Hold(false)
	require.NoError(t, s.Admit("app", 100))
	require.ErrorIs(t, (<-running).err, errSlow)
	require.NoError(t, (<-waits).err)
}

func TestAdmit(t *testing.T) {
	s := newScene(t, func(c *Config) { c.Queue = 0 })
	require.ErrorIs(t, s.Admit("other", 1000), session.ErrPrice)
	require.ErrorIs(t, s.Admit("app", 2), session.ErrPrice)
	require.NoError(t, s.Admit("app", 3))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	began, ended := make(chan bool, 1), make(chan got, 1)
	go func() {
		ended <- s.ask(ctx, 1, 1<<40, "GET", "/forever", "", func(call.Piece) error {
			select {
			case began <- true:
			default:
			}
			return nil
		})
	}()
	<-began
	require.ErrorIs(t, s.Admit("app", 3), session.ErrBusy)
	require.ErrorIs(t, s.get("/say/").err, session.ErrBusy)
	require.Equal(t, Load{App: "app", UnitPrice: 10, CallPrice: 3, Running: 1, Capacity: 1, Ready: true}, s.Loads()[0])
	cancel()
	require.ErrorIs(t, (<-ended).err, context.Canceled)
	require.NoError(t, s.Admit("app", 3))
	require.False(t, errors.Is(s.Admit("other", 1), session.ErrBusy))
}
