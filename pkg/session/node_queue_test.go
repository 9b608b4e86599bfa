package session_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
	"github.com/edgematrix/emc/pkg/session/ledger"
)

// queue is a lane whose credit is used up by its first call, and calls that wait behind it.
type queue struct {
	*scene
	payer *session.NodeCall
	paid  uint64
	ended chan ended
}

// ended is a Deliver that returned.
type ended struct {
	call int
	err  error
}

func newQueue(t *testing.T) *queue {
	s := newScene(t)
	q := &queue{scene: s, payer: s.admitted(10_000), ended: make(chan ended, 100)}
	require.NoError(t, q.payer.TryDeliver(1, credit))
	return q
}

// wait admits calls, whose pieces cost so much, and returns when each waits behind the one before it.
func (q *queue) wait(ctx context.Context, amounts ...uint64) (dues []uint64) {
	q.Helper()
	var calls []*session.NodeCall
	for range amounts { // all before the first waits: none is admitted into a lane without credit
		calls = append(calls, q.admitted(1000))
	}
	for i, c := range calls {
		dues = append(dues, q.deliver(ctx, i, c, amounts[i]))
	}
	return dues
}

// deliver returns when the call waits, with what is due.
func (q *queue) deliver(ctx context.Context, i int, c *session.NodeCall, amount uint64) uint64 {
	due := make(chan uint64, 10)
	go func() {
		err := c.Deliver(ctx, 1, amount, func(n uint64) error {
			select {
			case due <- n:
			default: // told again, and nobody looks
			}
			return nil
		})
		q.ended <- ended{i, err}
	}()
	return <-due
}

// credit lets the lane have so much more.
func (q *queue) credit(more uint64) {
	q.Helper()
	q.paid += more
	require.NoError(q, q.lane.Prepay(q.payer.Request().Nonce, q.paid))
	q.pay()
}

// served waits for calls that got what they waited for; no other did.
func (q *queue) served(calls ...int) {
	q.Helper()
	var want, got []ended
	for _, c := range calls {
		want, got = append(want, ended{c, nil}), append(got, <-q.ended)
	}
	require.ElementsMatch(q, want, got)
	require.Empty(q, q.ended)
}

func TestWaitingCallsAreServedInTurn(t *testing.T) {
	q := newQueue(t)
	const calls, rounds = 12, 5
	var all []*session.NodeCall
	for range calls {
		all = append(all, q.admitted(1000))
	}
	for i, c := range all {
		require.Equal(t, uint64(10*(i+1)), q.deliver(q.ctx, i, c, 10), "it pays for those before it")
	}
	for range rounds {
		for i, c := range all {
			q.credit(10)
			q.served(i)
			q.deliver(q.ctx, i, c, 10) // behind all others
		}
	}
	for _, c := range all {
		require.Equal(t, uint64(10*rounds), c.Delivered())
	}
}

func TestALargePieceIsNotOvertaken(t *testing.T) {
	q := newQueue(t)
	late := q.admitted(1000)
	q.wait(q.ctx, 30, 10)
	q.credit(20)
	require.ErrorIs(t, late.TryDeliver(1, 10), session.ErrCredit, "20 are free, and two wait")
	require.NoError(t, late.TryDeliver(1, 0), "it takes nothing from them")
	require.Equal(t, uint64(20+30), q.deliver(q.ctx, 2, late, 10))
	require.Empty(t, q.ended)
	q.credit(10)
	q.served(0)
	q.credit(20)
	q.served(1, 2)
}

func TestWhoLeavesHoldsUpNobody(t *testing.T) {
	for name, leave := range map[string]func(*queue, *session.NodeCall, context.CancelFunc) error{
		"context": func(_ *queue, _ *session.NodeCall, cancel context.CancelFunc) error {
			cancel()
			return context.Canceled
		},
		"gone": func(q *queue, c *session.NodeCall, _ context.CancelFunc) error {
			q.lane.Orphaned(c.Request().Nonce)
			q.resume()
			return session.ErrCallOver
		},
	} {
		t.Run(name, func(t *testing.T) {
			q := newQueue(t)
			first, second, third := q.admitted(1000), q.admitted(1000), q.admitted(1000)
			ctx, cancel := context.WithCancel(q.ctx)
			defer cancel()
			q.deliver(ctx, 0, first, 30)
			q.deliver(q.ctx, 1, second, 10)
			q.deliver(q.ctx, 2, third, 10)
			q.credit(20)
			require.Empty(t, q.ended)
			is := leave(q, first, cancel)
			gone := <-q.ended
			require.Zero(t, gone.call)
			require.ErrorIs(t, gone.err, is)
			q.served(1, 2)
		})
	}
}

func TestFailedCallsFreeCreditForThoseWhoWait(t *testing.T) {
	q := newQueue(t)
	q.wait(q.ctx, 30)
	_, _, err := q.payer.Finish(receipt.StatusFailed, receipt.NewResponseHash())
	require.NoError(t, err)
	q.served(0)
}

func TestAFailedLedgerEndsTheWaiting(t *testing.T) {
	q := newQueue(t)
	q.wait(q.ctx, 10, 10)
	q.nodeStore.CrashIn(1, false)
	require.NoError(t, q.lane.Prepay(q.payer.Request().Nonce, 10))
	v, err := q.lane.Voucher(q.ctx)
	require.NoError(t, err)
	require.ErrorIs(t, q.node.Take(q.ctx, v), ledger.ErrCrashed)
	for range 2 {
		require.ErrorIs(t, (<-q.ended).err, session.ErrLedger)
	}
}

// What is due is told again: the customer could not pay enough when it was told first, and nothing else makes it try.
func TestDueIsToldAgain(t *testing.T) {
	q := newQueue(t)
	told := 0
	err := q.admitted(1000).Deliver(t.Context(), 1, 10, func(uint64) error {
		if told++; told > 1 {
			q.credit(10)
		}
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, 2, told)
}
