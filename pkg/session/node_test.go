package session_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
)

func TestAdmit(t *testing.T) {
	for name, row := range map[string]struct {
		before func(*scene)
		change func(*receipt.Request)
		is     error
	}{
		"success":                      {is: nil},
		"error - another node's":       {change: func(r *receipt.Request) { r.Node = nodeKeys[1].public.Address() }, is: session.ErrLane},
		"error - a router not bound":   {change: func(r *receipt.Request) { r.Router = receipt.Address{1} }, is: session.ErrLane},
		"error - no router":            {change: func(r *receipt.Request) { r.Router = receipt.Address{} }, is: session.ErrLane},
		"error - unknown session":      {change: func(r *receipt.Request) { r.Session[0] ^= 1 }, is: session.ErrSession},
		"success - for this node":      {before: func(s *scene) { s.chain.Bind(sessionID, nodeKeys[0].public.Address()) }},
		"error - for another node":     {before: func(s *scene) { s.chain.Bind(sessionID, nodeKeys[1].public.Address()) }, is: session.ErrLane},
		"error - a replaced key":       {before: func(s *scene) { s.chain.Rotate(sessionID, otherKey.public) }, is: session.ErrKey},
		"error - a future key":         {change: func(r *receipt.Request) { r.KeyID = 2 }, is: session.ErrKey},
		"error - closing":              {before: func(s *scene) { s.chain.Close(sessionID) }, is: session.ErrSession},
		"error - too near the end":     {before: func(s *scene) { s.now = s.now.Add(24*time.Hour - margin + time.Second) }, is: session.ErrSession},
		"error - reserved app":         {change: func(r *receipt.Request) { r.App = session.ResumeApp }, is: session.ErrPrice},
		"error - the price":            {change: func(r *receipt.Request) { r.App = "expensive" }, is: session.ErrPrice},
		"error - a router not covered": {before: func(s *scene) { s.chain.SetCover(routerKeys[0].public.Address(), nodeKeys[0].public.Address(), 0) }, is: session.ErrCover},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			cfg := s.nodeConfig()
			cfg.Price = func(app string, _ uint64) error {
				if app == "expensive" {
					return errors.New("it costs more")
				}
				return nil
			}
			var err error
			s.node, err = session.NewNode(cfg)
			require.NoError(t, err)
			if row.before != nil {
				row.before(s)
			}
			r := s.begin(10)
			if row.change != nil {
				row.change(&r)
				r, err = r.Sign(chainID, sessionKey)
				require.NoError(t, err)
			}
			_, err = s.node.Admit(s.ctx, r)
			require.ErrorIs(t, err, row.is)
		})
	}
}

func TestAdmitOnce(t *testing.T) {
	s := newScene(t)
	r := s.begin(10)
	bad := r
	bad.MaxPrice++
	_, err := s.node.Admit(s.ctx, bad)
	require.ErrorIs(t, err, receipt.ErrSessionSignature)
	_, err = s.node.Admit(s.ctx, r)
	require.NoError(t, err)
	_, err = s.node.Admit(s.ctx, r)
	require.ErrorIs(t, err, session.ErrNonce)
	s.reopen()
	_, err = s.node.Admit(s.ctx, r)
	require.ErrorIs(t, err, session.ErrNonce)
}

func TestNoncesWithinTheWindow(t *testing.T) {
	s := newScene(t)
	admit := func(nonce uint64) error {
		r, err := receipt.Request{Lane: s.lane.ID(), KeyID: 1, Nonce: nonce, App: "echo"}.Sign(chainID, sessionKey)
		require.NoError(t, err)
		_, err = s.node.Admit(s.ctx, r)
		return err
	}
	for _, n := range []uint64{5, 3, 1023, 1, 2000} {
		require.NoError(t, admit(n))
	}
	for _, n := range []uint64{5, 3, 1, 2, 976, 2000} { // 2000 moved the floor to 977
		require.ErrorIs(t, admit(n), session.ErrNonce, n)
	}
	require.NoError(t, admit(977))
	require.ErrorIs(t, admit(1023), session.ErrNonce)
	s.reopen()
	require.ErrorIs(t, admit(977), session.ErrNonce)
	require.NoError(t, admit(978))
	require.NoError(t, admit(1<<63))
	require.ErrorIs(t, admit(2001), session.ErrNonce)
	require.NoError(t, admit(1<<64-1))
}

func TestNodeStopsAtItsCredit(t *testing.T) {
	s := newScene(t)
	a, b := s.admitted(1000), s.admitted(1000)
	for range 2 {
		require.NoError(t, a.TryDeliver(1, 10))
		require.NoError(t, b.TryDeliver(1, 10))
	}
	require.ErrorIs(t, a.TryDeliver(1, 10), session.ErrCredit)
	require.ErrorIs(t, b.TryDeliver(1, 1), session.ErrCredit, "the credit is the lane's, not the call's")
	require.Equal(t, uint64(credit), s.node.Account(s.lane.ID()).Exposure)
	c, err := s.node.Admit(s.ctx, s.begin(10))
	require.NoError(t, err)
	require.ErrorIs(t, c.TryDeliver(1, 10), session.ErrCredit)
	require.ErrorIs(t, c.TryDeliver(1, 1<<63), session.ErrPrice)
	require.LessOrEqual(t, s.node.Account(s.lane.ID()).Exposure, s.nodeConfig().NodeBound(0))

	require.NoError(t, s.lane.Prepay(a.Request().Nonce, 25))
	s.pay()
	require.NoError(t, b.TryDeliver(1, 25))
	require.ErrorIs(t, b.TryDeliver(1, 1), session.ErrCredit)
}

func TestDeliverWaitsForAVoucher(t *testing.T) {
	s := newScene(t)
	c := s.admitted(100)
	require.NoError(t, c.TryDeliver(4, 40))
	due := make(chan uint64, 1)
	var wait sync.WaitGroup
	wait.Go(func() {
		err := c.Deliver(s.ctx, 1, 10, func(n uint64) error { due <- n; return nil })
		if err != nil {
			t.Error(err)
		}
	})
	require.Equal(t, uint64(10), <-due)
	require.NoError(t, s.lane.Prepay(c.Request().Nonce, 10))
	s.pay()
	wait.Wait()
	require.Equal(t, uint64(50), c.Delivered())

	ctx, cancel := context.WithCancel(s.ctx)
	err := c.Deliver(ctx, 1, 10, func(uint64) error { cancel(); return nil })
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, err, session.ErrCredit)
}

func TestDeliverEndsWithTheSession(t *testing.T) {
	s := newScene(t)
	c := s.admitted(100)
	s.now = s.now.Add(24*time.Hour - margin + time.Second)
	require.ErrorIs(t, c.TryDeliver(1, 10), session.ErrSession)
	r, _, err := c.Finish(receipt.StatusCancelled, receipt.NewResponseHash())
	require.NoError(t, err)
	require.Zero(t, r.Amount)
	_, _, err = c.Finish(receipt.StatusCancelled, receipt.NewResponseHash())
	require.ErrorIs(t, err, session.ErrCallOver)
}

func TestFailedCallsCostNothing(t *testing.T) {
	s := newScene(t)
	c := s.admitted(20)
	require.NoError(t, c.TryDeliver(1, 20))
	r, _, err := c.Finish(receipt.StatusFailed, receipt.NewResponseHash())
	require.NoError(t, err)
	require.Zero(t, r.Amount)
	require.NoError(t, s.lane.Accept(r, nil))
	require.Zero(t, s.node.Account(s.lane.ID()).Exposure)
}

func TestDirectCalls(t *testing.T) {
	s := newScene(t)
	cfg := s.nodeConfig()
	cfg.Direct = true
	node, err := session.NewNode(cfg)
	require.NoError(t, err)
	lane, err := s.customer.Lane(receipt.Address{}, nodeKeys[0].public, nil)
	require.NoError(t, err)
	r, err := lane.Begin("echo", receipt.Digest{}, 10)
	require.NoError(t, err)
	c, err := node.Admit(s.ctx, r)
	require.NoError(t, err)
	require.NoError(t, lane.Accept(s.finished(c, 1), nil))
	v, err := lane.Voucher(s.ctx)
	require.NoError(t, err)
	require.NoError(t, node.Take(s.ctx, v))
	require.Equal(t, uint64(0), node.Account(lane.ID()).Exposure)
}

func TestNodeConfig(t *testing.T) {
	s := newScene(t)
	for name, change := range map[string]func(*session.NodeConfig){
		"no chain":     func(c *session.NodeConfig) { c.Chain = nil },
		"no credit":    func(c *session.NodeConfig) { c.Credit = 0 },
		"no unwritten": func(c *session.NodeConfig) { c.Unwritten = 0 },
		"no ledger":    func(c *session.NodeConfig) { c.Store = nil },
		"many calls":   func(c *session.NodeConfig) { c.MaxRunning = session.MaxRunning + 1 },
	} {
		c := s.nodeConfig()
		change(&c)
		_, err := session.NewNode(c)
		require.ErrorIs(t, err, session.ErrConfig, name)
	}
	require.Equal(t, uint64(credit+3*unwritten), s.nodeConfig().NodeBound(3))
	require.Zero(t, session.RouterBound)
}

func TestFailedNodeLedgerStopsTheLane(t *testing.T) {
	s := newScene(t)
	c := s.admitted(10)
	s.nodeStore.CrashIn(1, false)
	_, _, err := c.Finish(receipt.StatusComplete, receipt.NewResponseHash())
	require.ErrorIs(t, err, session.ErrLedger)
	s.nodeStore.Restart()
	require.ErrorIs(t, c.TryDeliver(1, 1), session.ErrLedger)
	_, err = s.node.Admit(s.ctx, s.begin(1))
	require.ErrorIs(t, err, session.ErrLedger)
}
