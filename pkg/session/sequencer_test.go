package session_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
	"github.com/edgematrix/emc/pkg/session/ledger"
)

// voucher is one that a customer could sign, for one of the two nodes.
func (s *scene) voucher(node int, amount, count uint64) receipt.Voucher {
	s.Helper()
	root := receipt.EmptyRoot()
	if count > 0 {
		root = receipt.LeafHash([]byte{byte(count)})
	}
	v, err := receipt.Voucher{
		Lane:  receipt.Lane{Session: sessionID, Router: routerKeys[0].public.Address(), Node: nodeKeys[node].public.Address()},
		KeyID: 1, Amount: amount, Count: count, Root: root,
	}.Sign(chainID, sessionKey)
	require.NoError(s, err)
	return v
}

func TestSequencerKeepsToTheAllotment(t *testing.T) {
	s := newScene(t)
	cosign := func(v receipt.Voucher) error {
		sig, err := s.router.Cosign(s.ctx, v)
		if err == nil {
			v.RouterSignature = sig
			require.NoError(t, v.VerifyRouter(chainID, routerKeys[0].public))
		}
		return err
	}
	require.NoError(t, cosign(s.voucher(0, 60_000, 1)))
	require.NoError(t, cosign(s.voucher(1, 40_000, 1)))
	require.ErrorIs(t, cosign(s.voucher(1, 40_001, 2)), session.ErrAllotment)
	require.ErrorIs(t, cosign(s.voucher(0, allotment+1, 2)), session.ErrAllotment)
	require.ErrorIs(t, cosign(s.voucher(0, 1<<62, 2)), session.ErrAllotment)
	sum, err := s.router.Cosigned(sessionID)
	require.NoError(t, err)
	require.Equal(t, uint64(allotment), sum)

	s.reopen()
	require.ErrorIs(t, cosign(s.voucher(1, 40_001, 2)), session.ErrAllotment, "after a restart too")
	require.ErrorIs(t, cosign(s.voucher(0, 59_999, 2)), session.ErrStale)
	require.ErrorIs(t, cosign(s.voucher(0, 60_000, 0)), session.ErrStale)
	other := s.voucher(0, 60_000, 1)
	other.Root[0] ^= 1
	other, err = other.Sign(chainID, sessionKey)
	require.NoError(t, err)
	require.ErrorIs(t, cosign(other), session.ErrConflict)
	require.NoError(t, cosign(s.voucher(0, 60_000, 2)), "more receipts for the same money")
}

func TestSameVoucherGetsTheSameSignature(t *testing.T) {
	s := newScene(t)
	v := s.voucher(0, 100, 0)
	s.routerStore.CrashIn(1, true)
	_, err := s.router.Cosign(s.ctx, v)
	require.ErrorIs(t, err, ledger.ErrCrashed)
	s.routerStore.Restart()
	s.reopen()
	first, err := s.router.Cosign(s.ctx, v)
	require.NoError(t, err)
	second, err := s.router.Cosign(s.ctx, v)
	require.NoError(t, err)
	require.Equal(t, first, second)
}

func TestSequencerRefuses(t *testing.T) {
	for name, row := range map[string]struct {
		before func(*scene)
		change func(*receipt.Voucher)
		is     error
	}{
		"another router's":     {change: func(v *receipt.Voucher) { v.Router = routerKeys[1].public.Address() }, is: session.ErrLane},
		"for another node":     {before: func(s *scene) { s.chain.Bind(sessionID, nodeKeys[1].public.Address()) }, is: session.ErrLane},
		"unknown session":      {change: func(v *receipt.Voucher) { v.Session[0] ^= 1 }, is: session.ErrSession},
		"a replaced key":       {before: func(s *scene) { s.chain.Rotate(sessionID, otherKey.public) }, is: session.ErrKey},
		"a wrong signature":    {change: func(v *receipt.Voucher) { v.KeySignature[5] ^= 1 }, is: receipt.ErrSessionSignature},
		"closing":              {before: func(s *scene) { s.chain.Close(sessionID) }, is: session.ErrSealed},
		"too near the end":     {before: func(s *scene) { s.now = s.now.Add(24*time.Hour - margin + time.Second) }, is: session.ErrSession},
		"not bound any longer": {before: func(s *scene) { s.chain.Open(sessionID, sessionKey.public, 1, 24*time.Hour) }, is: session.ErrLane},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			v := s.voucher(0, 100, 0)
			if row.before != nil {
				row.before(s)
			}
			if row.change != nil {
				row.change(&v)
			}
			_, err := s.router.Cosign(s.ctx, v)
			require.ErrorIs(t, err, row.is)
		})
	}
}

func TestSequencerSignsForTheSessionsNode(t *testing.T) {
	s := newScene(t)
	s.chain.Bind(sessionID, nodeKeys[1].public.Address())
	_, err := s.router.Cosign(s.ctx, s.voucher(0, 100, 0))
	require.ErrorContains(t, err, nodeKeys[1].public.Address().String()+" alone")
	sum, err := s.router.Cosigned(sessionID)
	require.NoError(t, err)
	require.Zero(t, sum, "what is refused takes no part of the allotment")
	_, err = s.router.Cosign(s.ctx, s.voucher(1, allotment, 0))
	require.NoError(t, err)
}

func TestClosingIsNeverForgotten(t *testing.T) {
	s := newScene(t)
	v := s.voucher(0, 100, 0)
	_, err := s.router.Cosign(s.ctx, v)
	require.NoError(t, err)
	s.chain.Close(sessionID)
	_, err = s.router.Cosign(s.ctx, v)
	require.ErrorIs(t, err, session.ErrSealed)
	// An endpoint that lags behind shows the session open again.
	s.chain.Open(sessionID, sessionKey.public, allotment, 24*time.Hour, session.Router{Key: routerKeys[0].public, Allotment: allotment})
	s.reopen()
	_, err = s.router.Cosign(s.ctx, s.voucher(0, 200, 0))
	require.ErrorIs(t, err, session.ErrSealed)
}

func TestOtherRouterGoesOn(t *testing.T) {
	s := newScene(t)
	store := ledger.NewMemory()
	second, err := session.NewSequencer(session.SequencerConfig{ChainID: chainID, Key: routerKeys[1], Public: routerKeys[1].public, Chain: s.chain, Store: store, Now: s.clock, Margin: margin})
	require.NoError(t, err)
	s.call(2)
	s.pay()
	lane, err := s.customer.Lane(routerKeys[1].public.Address(), nodeKeys[0].public, second)
	require.NoError(t, err)
	s.lane = lane
	s.call(2)
	require.Equal(t, uint64(20), s.pay().Amount)
}

func TestSequencerConfig(t *testing.T) {
	_, err := session.NewSequencer(session.SequencerConfig{})
	require.ErrorIs(t, err, session.ErrConfig)
	s := newScene(t)
	_, err = session.NewSequencer(session.SequencerConfig{ChainID: chainID, Key: routerKeys[1], Public: routerKeys[1].public, Chain: s.chain, Store: s.routerStore, Now: s.clock})
	require.ErrorIs(t, err, session.ErrLedger, "another router's")
}
