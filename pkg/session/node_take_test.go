package session_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
)

func TestTake(t *testing.T) {
	for name, row := range map[string]struct {
		change func(*scene, *receipt.Voucher)
		is     error
	}{
		"success":                      {},
		"error - another node's":       {func(_ *scene, v *receipt.Voucher) { v.Node = nodeKeys[1].public.Address() }, session.ErrLane},
		"error - a router not bound":   {func(_ *scene, v *receipt.Voucher) { v.Router = receipt.Address{1} }, session.ErrLane},
		"error - no router":            {func(_ *scene, v *receipt.Voucher) { v.Router = receipt.Address{} }, session.ErrLane},
		"success - for this node":      {func(s *scene, _ *receipt.Voucher) { s.chain.Bind(sessionID, nodeKeys[0].public.Address()) }, nil},
		"error - for another node":     {func(s *scene, _ *receipt.Voucher) { s.chain.Bind(sessionID, nodeKeys[1].public.Address()) }, session.ErrLane},
		"error - another key":          {func(_ *scene, v *receipt.Voucher) { v.KeyID = 2 }, session.ErrKey},
		"error - more receipts":        {func(_ *scene, v *receipt.Voucher) { v.Count++ }, session.ErrRoot},
		"error - another tree":         {func(_ *scene, v *receipt.Voucher) { v.Root[0] ^= 1 }, session.ErrRoot},
		"error - less":                 {func(_ *scene, v *receipt.Voucher) { v.Amount = 9 }, session.ErrStale},
		"error - fewer receipts":       {func(_ *scene, v *receipt.Voucher) { v.Count, v.Root = 0, receipt.EmptyRoot() }, session.ErrStale},
		"error - above the cover":      {func(_ *scene, v *receipt.Voucher) { v.Amount = cover + 1 }, session.ErrCover},
		"success - with prepaid calls": {func(_ *scene, v *receipt.Voucher) { v.Amount = cover }, nil},
		"error - settled": {func(s *scene, _ *receipt.Voucher) {
			s.chain.Close(sessionID)
			s.now = s.now.Add(2 * time.Hour)
		}, session.ErrSession},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.call(1)
			s.pay()
			s.call(1)
			v, err := s.lane.Voucher(s.ctx)
			require.NoError(t, err)
			if row.change != nil {
				row.change(s, &v)
				v, err = v.Sign(chainID, sessionKey)
				require.NoError(t, err)
				if v.Routed() {
					v, err = v.Cosign(chainID, routerKeys[0])
					require.NoError(t, err)
				}
			}
			require.ErrorIs(t, s.node.Take(s.ctx, v), row.is)
		})
	}
}

func TestTakeVerifiesBothSignatures(t *testing.T) {
	s := newScene(t)
	s.call(1)
	good, err := s.lane.Voucher(s.ctx)
	require.NoError(t, err)
	bad := good
	bad.KeySignature[3] ^= 1
	require.ErrorIs(t, s.node.Take(s.ctx, bad), receipt.ErrSessionSignature)
	bad = good
	bad.RouterSignature = receipt.Signature{}
	require.ErrorIs(t, s.node.Take(s.ctx, bad), receipt.ErrRouterSignature)
	require.NoError(t, s.node.Take(s.ctx, good))
	require.NoError(t, s.node.Take(s.ctx, good))
}

func TestVoucherThatLagsBehind(t *testing.T) {
	s := newScene(t)
	s.call(1)
	v, err := s.lane.Voucher(s.ctx)
	require.NoError(t, err)
	s.call(1)
	s.call(1)
	require.NoError(t, s.node.Take(s.ctx, v))
	s.reopen()
	require.NoError(t, s.node.Take(s.ctx, v))
	require.Equal(t, uint64(20), s.node.Account(s.lane.ID()).Exposure)
}

func TestCoverIsCountedOverSessions(t *testing.T) {
	s := newScene(t)
	second := receipt.NewSessionID([]byte("owner"), 2)
	s.chain.Open(second, sessionKey.public, allotment, 24*time.Hour, session.Router{Key: routerKeys[0].public, Allotment: allotment})
	voucher := func(id receipt.SessionID, amount uint64) receipt.Voucher {
		lane := s.lane.ID()
		lane.Session = id
		v, err := receipt.Voucher{Lane: lane, KeyID: 1, Amount: amount, Root: receipt.EmptyRoot()}.Sign(chainID, sessionKey)
		require.NoError(t, err)
		v, err = v.Cosign(chainID, routerKeys[0])
		require.NoError(t, err)
		return v
	}
	require.NoError(t, s.node.Take(s.ctx, voucher(sessionID, cover-10)))
	require.ErrorIs(t, s.node.Take(s.ctx, voucher(second, 11)), session.ErrCover)
	s.reopen()
	require.ErrorIs(t, s.node.Take(s.ctx, voucher(second, 11)), session.ErrCover)
	require.NoError(t, s.node.Settled(s.lane.ID(), 100))
	require.NoError(t, s.node.Take(s.ctx, voucher(second, 11)))
	s.chain.SetCover(routerKeys[0].public.Address(), nodeKeys[0].public.Address(), 100)
	require.ErrorIs(t, s.node.Take(s.ctx, voucher(second, 12)), session.ErrCover, "a cover that is lowered counts at once")
	require.NoError(t, s.node.Settled(s.lane.ID(), cover))
	require.NoError(t, s.node.Take(s.ctx, voucher(second, 12)))
	require.Len(t, s.node.Dues(), 1)
}

func TestTakenIsDurable(t *testing.T) {
	s := newScene(t)
	s.call(1)
	v := s.pay()
	s.nodeStore.Crash()
	s.nodeStore.Restart()
	s.reopen()
	due := s.node.Dues()
	require.Len(t, due, 1)
	require.Equal(t, v, due[0].Voucher)
	require.True(t, s.now.Equal(due[0].Since))
}
