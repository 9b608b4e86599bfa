package session_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
)

// moody is a chain that answers as it is told to, before it asks the model.
type moody struct {
	session.Chain
	err     error
	answer  *session.Redemption
	batches []int
}

func (m *moody) Redeem(ctx context.Context, v []receipt.Voucher) ([]session.Redemption, error) {
	m.batches = append(m.batches, len(v))
	if m.err != nil {
		return nil, m.err
	}
	if m.answer != nil {
		out := make([]session.Redemption, len(v))
		for i := range out {
			out[i] = *m.answer
		}
		return out, nil
	}
	return m.Chain.Redeem(ctx, v)
}

func (s *scene) redeemer(chain session.Chain) *session.Redeemer {
	r, err := session.NewRedeemer(session.RedeemerConfig{Node: s.node, Chain: chain, Now: s.clock, Logger: slog.New(slog.DiscardHandler),
		Amount: 100, Age: time.Hour, Batch: 2, Backoff: time.Second, MaxBackoff: 4 * time.Second})
	require.NoError(s, err)
	return r
}

func (s *scene) step(r *session.Redeemer) session.Report {
	s.Helper()
	report, err := r.Step(s.ctx)
	require.NoError(s, err)
	return report
}

func TestRedeemsByAmountAgeAndClosing(t *testing.T) {
	for name, ready := range map[string]func(*scene){
		"amount": func(s *scene) {
			for range 10 {
				s.call(1)
				s.pay()
			}
		},
		"age":          func(s *scene) { s.now = s.now.Add(time.Hour) },
		"closing":      func(s *scene) { s.chain.Close(sessionID) },
		"key replaced": func(s *scene) { s.chain.Rotate(sessionID, otherKey.public) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.call(1)
			s.pay()
			r := s.redeemer(s.chain)
			require.Zero(t, s.step(r))
			ready(s)
			report := s.step(r)
			require.Equal(t, 1, report.Settled)
			require.Equal(t, report.Paid, s.chain.Paid(s.lane.ID()))
			require.Zero(t, s.step(r), "it is settled")
			s.reopen()
			require.Empty(t, s.node.Dues())
		})
	}
}

func TestRedeemsInBatches(t *testing.T) {
	s := newScene(t)
	for i := range 5 {
		id := receipt.NewSessionID([]byte("owner"), uint64(10+i))
		s.chain.Open(id, sessionKey.public, allotment, 24*time.Hour, session.Router{Key: routerKeys[0].public, Allotment: allotment})
		v := s.voucher(0, 200, 0)
		v.Session = id
		v, err := v.Sign(chainID, sessionKey)
		require.NoError(t, err)
		v, err = v.Cosign(chainID, routerKeys[0])
		require.NoError(t, err)
		require.NoError(t, s.node.Take(s.ctx, v))
	}
	m := &moody{Chain: s.chain}
	report := s.step(s.redeemer(m))
	require.Equal(t, []int{2, 2, 1}, m.batches)
	require.Equal(t, session.Report{Sent: 5, Settled: 5, Paid: 1000}, report)
}

func TestRedemptionIsTriedAgain(t *testing.T) {
	s := newScene(t)
	s.call(1)
	s.pay()
	s.now = s.now.Add(time.Hour)
	m := &moody{Chain: s.chain, err: errors.New("no block")}
	r := s.redeemer(m)
	_, err := r.Step(s.ctx)
	require.ErrorIs(t, err, m.err)
	m.err, m.answer = nil, &session.Redemption{Outcome: session.Refused, Reason: "not now"}
	tries := 1
	for range 20 {
		s.now = s.now.Add(time.Second)
		s.step(r)
	}
	tries = len(m.batches) - tries
	require.Equal(t, 6, tries, "after 1, 2 and then every 4 seconds")
	m.answer = nil
	s.now = s.now.Add(4 * time.Second)
	require.Equal(t, 1, s.step(r).Settled)
}

func TestAnswersOfTheChain(t *testing.T) {
	for name, row := range map[string]struct {
		answer session.Redemption
		left   uint64
	}{
		"stale":   {session.Redemption{Outcome: session.Stale}, 0},
		"void":    {session.Redemption{Outcome: session.Void, Reason: "over"}, 0},
		"in part": {session.Redemption{Paid: 6, Unpaid: 4}, 4},
		"refused": {session.Redemption{Outcome: session.Refused}, 10},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.call(1)
			s.pay()
			s.now = s.now.Add(time.Hour)
			r := s.redeemer(&moody{Chain: s.chain, answer: &row.answer})
			s.step(r)
			left := uint64(0)
			for _, d := range s.node.Dues() {
				left += d.Amount
			}
			require.Equal(t, row.left, left)
		})
	}
}

func TestCrashBetweenPayingAndNoting(t *testing.T) {
	s := newScene(t)
	s.call(1)
	s.pay()
	s.now = s.now.Add(time.Hour)
	s.nodeStore.CrashIn(1, false)
	_, err := s.redeemer(s.chain).Step(s.ctx)
	require.ErrorIs(t, err, session.ErrLedger)
	s.nodeStore.Restart()
	s.reopen()
	report := s.step(s.redeemer(s.chain))
	require.Equal(t, session.Report{Sent: 1, Stale: 1}, report)
	require.Equal(t, uint64(10), s.chain.Paid(s.lane.ID()))
}

func TestRedeemerConfig(t *testing.T) {
	_, err := session.NewRedeemer(session.RedeemerConfig{})
	require.ErrorIs(t, err, session.ErrConfig)
}

func TestCachedChain(t *testing.T) {
	s := newScene(t)
	c := session.NewCached(s.chain, s.clock, time.Minute, 2)
	info, err := c.Session(s.ctx, sessionID)
	require.NoError(t, err)
	require.True(t, info.Open)
	router, node := routerKeys[0].public.Address(), nodeKeys[0].public.Address()
	got, err := c.Cover(s.ctx, router, node)
	require.NoError(t, err)
	require.Equal(t, uint64(cover), got)
	s.chain.Close(sessionID)
	s.chain.SetCover(router, node, 1)
	info, _ = c.Session(s.ctx, sessionID)
	require.True(t, info.Open, "as it was")
	s.now = s.now.Add(time.Minute)
	info, _ = c.Session(s.ctx, sessionID)
	require.False(t, info.Open)
	got, _ = c.Cover(s.ctx, router, node)
	require.Equal(t, uint64(1), got)
	_, err = c.Session(s.ctx, receipt.SessionID{})
	require.ErrorIs(t, err, session.ErrSession)
	for i := range 5 {
		_, err = c.Cover(s.ctx, receipt.Address{byte(i)}, node)
		require.NoError(t, err)
	}
}

// Run goes on where a step failed, and ends with its context.
func TestRunRedeemsUntilItIsStopped(t *testing.T) {
	s := newScene(t)
	for range 10 {
		s.call(1)
		s.pay()
	}
	ctx, stop := context.WithCancel(s.ctx)
	chain := &stopping{moody{Chain: s.chain, err: errors.New("no answer")}, stop}
	// A second goes by whenever somebody looks, or the backoff would never end.
	clock := func() time.Time { s.now = s.now.Add(time.Second); return s.now }
	r, err := session.NewRedeemer(session.RedeemerConfig{Node: s.node, Chain: chain, Now: clock, Logger: slog.New(slog.DiscardHandler),
		Amount: 100, Age: time.Hour, Batch: 2, Backoff: time.Second, MaxBackoff: 4 * time.Second})
	require.NoError(t, err)
	r.Run(ctx, time.Millisecond)
	require.Equal(t, []int{1, 1}, chain.batches)
	require.Equal(t, uint64(100), s.node.Account(s.lane.ID()).Settled)
}

// stopping does not answer the first time, and lets everything stop after the second.
type stopping struct {
	moody
	stop func()
}

func (c *stopping) Redeem(ctx context.Context, v []receipt.Voucher) ([]session.Redemption, error) {
	out, err := c.moody.Redeem(ctx, v)
	if c.err = nil; err == nil {
		c.stop()
	}
	return out, err
}
