package keeper

import (
	"context"
	"errors"

	"cosmossdk.io/collections"
	errorsmod "cosmossdk.io/errors"
	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"

	computetypes "github.com/edgematrix/emc/x/compute/types"
	"github.com/edgematrix/emc/x/market/types"
)

// cover loads a cover; one that is not there is nothing.
func (k *Keeper) cover(ctx context.Context, router, node sdk.AccAddress) (types.Cover, error) {
	c, err := k.Covers.Get(ctx, collections.Join(router, node))
	if errors.Is(err, collections.ErrNotFound) {
		return types.Cover{Router: router.String(), Node: node.String(), Amount: zero(), Lower: zero()}, nil
	}
	return c, err
}

// setCover writes a cover, its reservation in x/compute, and its place on the
// agenda. Was is the cover as it is in the state.
func (k *Keeper) setCover(ctx context.Context, router, node sdk.AccAddress, was, c types.Cover) error {
	if !was.Amount.Equal(c.Amount) {
		promise := computetypes.Reservation{Promise: types.CoverPromise(c.Node), Stake: c.Amount}
		if err := k.compute.SetReservation(ctx, router, promise); err != nil {
			return errorsmod.Wrapf(err, "cover of router %s for node %s", c.Router, c.Node)
		}
	}
	return k.writeCover(ctx, router, node, was, c)
}

// writeCover is setCover for a cover whose reservation is right already.
func (k *Keeper) writeCover(ctx context.Context, router, node sdk.AccAddress, was, c types.Cover) error {
	if was.LowersAt != c.LowersAt {
		if was.LowersAt != 0 {
			if err := k.Agenda.Remove(ctx, coverEntry(was.LowersAt, router, node)); err != nil {
				return err
			}
		}
		if c.LowersAt != 0 {
			if err := k.Agenda.Set(ctx, coverEntry(c.LowersAt, router, node)); err != nil {
				return err
			}
		}
	}
	key := collections.Join(router, node)
	if c.Amount.IsZero() {
		if err := k.CoversByNode.Remove(ctx, collections.Join(node, router)); err != nil {
			return err
		}
		return k.Covers.Remove(ctx, key)
	}
	if was.Amount.IsZero() {
		if err := k.CoversByNode.Set(ctx, collections.Join(node, router)); err != nil {
			return err
		}
	}
	return k.Covers.Set(ctx, key, c)
}

// lowerCover gives a router back what it withdrew from a cover, now that the
// time is over in which a node could redeem what it had accepted on it.
func (k *Keeper) lowerCover(ctx context.Context, router, node sdk.AccAddress) error {
	was, err := k.Covers.Get(ctx, collections.Join(router, node))
	if err != nil {
		return err
	}
	c := was
	c.Amount, c.Lower, c.LowersAt = was.Lower, zero(), 0
	if err := k.setCover(ctx, router, node, was, c); err != nil {
		return err
	}
	return emit(ctx, &types.EventCoverSet{Router: c.Router, Node: c.Node, Amount: types.Uemc(c.Amount).String()})
}

// seize pays a node's operator from a cover, up to amount, and returns what was
// paid: what the router vouched for and the deposit does not hold.
func (k *Keeper) seize(ctx context.Context, router, node, to sdk.AccAddress, amount math.Int) (math.Int, error) {
	was, err := k.cover(ctx, router, node)
	if err != nil || !was.Amount.IsPositive() {
		return zero(), err
	}
	paid, err := k.compute.Seize(ctx, router, types.CoverPromise(was.Node), math.MinInt(amount, was.Amount), to, "vouched for more than its allotment")
	if err != nil || !paid.IsPositive() {
		return zero(), err
	}
	c := was
	c.Amount = was.Amount.Sub(paid)
	c.Lower = math.MinInt(c.Lower, c.Amount)
	if c.Amount.IsZero() {
		c.LowersAt = 0 // x/compute has released the promise
	}
	return paid, k.writeCover(ctx, router, node, was, c)
}

// SetCover implements types.MsgServer.
func (s msgServer) SetCover(ctx context.Context, m *types.MsgSetCover) (*types.MsgSetCoverResponse, error) {
	params, err := s.Params.Get(ctx)
	if err != nil {
		return nil, err
	}
	if err := m.Validate(params); err != nil {
		return nil, err
	}
	router, err := s.ownRouter(ctx, m.Operator, m.Router)
	if err != nil {
		return nil, err
	}
	node, err := types.Address("node", m.Node, types.ErrInvalidRouter)
	if err != nil {
		return nil, err
	}
	was, err := s.cover(ctx, router, node)
	if err != nil {
		return nil, err
	}
	clock, err := s.compute.NetworkClock(ctx)
	if err != nil {
		return nil, err
	}
	c, amount := was, m.Amount.Amount
	if amount.GTE(was.Amount) {
		if was.Amount.IsZero() && amount.IsZero() {
			return nil, errorsmod.Wrapf(types.ErrCoverNotFound, "of router %s for node %s", m.Router, m.Node)
		}
		c.Amount, c.Lower, c.LowersAt = amount, zero(), 0
	} else {
		// A node may have accepted vouchers on the cover as it is: it has as long to
		// redeem them as after the end of a session.
		c.Lower, c.LowersAt = amount, clock.Now(blockTime(ctx))+int64(params.ClosingSeconds)
	}
	if err := s.setCover(ctx, router, node, was, c); err != nil {
		return nil, err
	}
	event := &types.EventCoverSet{Router: c.Router, Node: c.Node, Amount: types.Uemc(c.Amount).String(), LowersAt: clock.Outside(c.LowersAt)}
	if c.LowersAt != 0 {
		event.Lower = types.Uemc(c.Lower).String()
	}
	return &types.MsgSetCoverResponse{LowersAt: event.LowersAt}, emit(ctx, event)
}

// ownRouter loads a router and checks that operator owns it.
func (k *Keeper) ownRouter(ctx context.Context, operator, router string) (sdk.AccAddress, error) {
	addr, err := types.Address("router", router, types.ErrInvalidRouter)
	if err != nil {
		return nil, err
	}
	n, err := k.compute.Node(ctx, addr)
	switch {
	case errors.Is(err, computetypes.ErrNodeNotFound):
		return nil, errorsmod.Wrapf(types.ErrInvalidRouter, "%s is not registered", router)
	case err != nil:
		return nil, err
	case n.Role != computetypes.ROLE_ROUTER:
		return nil, errorsmod.Wrapf(types.ErrInvalidRouter, "%s is a computing node", router)
	case n.Operator != operator:
		return nil, errorsmod.Wrapf(types.ErrNotOperator, "router %s belongs to %s, not to %s", router, n.Operator, operator)
	}
	return addr, nil
}
