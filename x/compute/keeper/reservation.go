package keeper

import (
	"context"
	"errors"
	"strings"

	"cosmossdk.io/collections"
	errorsmod "cosmossdk.io/errors"
	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/x/compute/types"
)

// The ledger of promises: every socket, lease, job and router cover reserves
// slots, power and stake here, so that nothing is sold twice.

// Reserve adds a promise. It fails when the node has not that much left.
func (k *Keeper) Reserve(ctx context.Context, addr sdk.AccAddress, r types.Reservation) error {
	if err := checkPromise(r.Promise); err != nil {
		return err
	}
	n, err := k.Node(ctx, addr)
	if err != nil {
		return err
	}
	if known, err := k.Reservations.Has(ctx, collections.Join(addr, r.Promise)); err != nil {
		return err
	} else if known {
		return errorsmod.Wrapf(types.ErrReservationKnown, "%s on node %s", r.Promise, n.Address)
	}
	r.Jobs = 0
	if err := k.addReservation(ctx, addr, &n, r); err != nil {
		return err
	}
	return k.setNode(ctx, addr, n)
}

// SetReservation makes a promise what r says: it is created, replaced, or
// released when r asks for nothing. What jobs have out of it stays theirs and is
// not meant: it comes on top when they give it back. Only what grows must be free, and only
// growth is refused to a retiring node: less is promised at any time. Releasing
// what is not there is no error: a promise may have ended by itself.
func (k *Keeper) SetReservation(ctx context.Context, addr sdk.AccAddress, r types.Reservation) error {
	if err := checkPromise(r.Promise); err != nil {
		return err
	}
	if err := checkStake(r); err != nil {
		return err
	}
	old, known, err := k.Reservation(ctx, addr, r.Promise)
	if err != nil {
		return err
	}
	if !r.Binds() {
		if !known {
			return nil
		}
		return k.Release(ctx, addr, r.Promise)
	}
	n, err := k.Node(ctx, addr)
	if err != nil {
		return err
	}
	more := types.Reservation{
		Slots: r.Slots - min(r.Slots, old.Slots), Power: r.Power - min(r.Power, old.Power),
		Stake: math.MaxInt(r.Stake.Sub(old.Stake), math.ZeroInt()),
	}
	if more.Binds() {
		if err := checkFree(n, more); err != nil {
			return err
		}
	}
	n.ReservedSlots = n.ReservedSlots - old.Slots + r.Slots
	n.ReservedPower = n.ReservedPower - old.Power + r.Power
	n.ReservedStake = n.ReservedStake.Sub(old.Stake).Add(r.Stake)
	r.Node, r.Jobs = n.Address, old.Jobs
	if err := k.Reservations.Set(ctx, collections.Join(addr, r.Promise), r); err != nil {
		return err
	}
	return k.setNode(ctx, addr, n)
}

// Reservation loads a promise; one that is not there reserves nothing.
func (k *Keeper) Reservation(ctx context.Context, addr sdk.AccAddress, promise string) (r types.Reservation, known bool, err error) {
	r, err = k.Reservations.Get(ctx, collections.Join(addr, promise))
	if errors.Is(err, collections.ErrNotFound) {
		return types.Reservation{Stake: math.ZeroInt()}, false, nil
	}
	return r, err == nil, err
}

// Release ends a promise. Jobs that run out of it keep what they have until they
// end. A retiring node leaves with its last one.
func (k *Keeper) Release(ctx context.Context, addr sdk.AccAddress, promise string) error {
	n, err := k.Node(ctx, addr)
	if err != nil {
		return err
	}
	if err := k.removeReservation(ctx, addr, &n, promise); err != nil {
		return err
	}
	params, err := k.Params.Get(ctx)
	if err != nil {
		return err
	}
	return k.settleNode(ctx, params, addr, n)
}

// settleNode writes a node after a promise ended, or retires it. The node has
// had its turn and goes to the back of the queue of its price.
func (k *Keeper) settleNode(ctx context.Context, params types.Params, addr sdk.AccAddress, n types.Node) error {
	if gone, err := k.retireIfIdle(ctx, addr, n); err != nil || gone {
		return err
	}
	return k.writeNode(ctx, params, addr, n, true)
}

// addReservation writes a promise that is known to be new, and counts it in n,
// which the caller writes. A job's is always new: its id comes once, and it is
// never given twice to the same node.
func (k *Keeper) addReservation(ctx context.Context, addr sdk.AccAddress, n *types.Node, r types.Reservation) error {
	if err := checkStake(r); err != nil {
		return err
	}
	if err := checkFree(*n, r); err != nil {
		return err
	}
	n.ReservedSlots += r.Slots
	n.ReservedPower += r.Power
	n.ReservedStake = n.ReservedStake.Add(r.Stake)
	r.Node = n.Address
	return k.Reservations.Set(ctx, collections.Join(addr, r.Promise), r)
}

// checkPromise keeps other modules' promises apart from those of jobs, which
// come and go with their job alone.
func checkPromise(promise string) error {
	if promise == "" || strings.HasPrefix(promise, jobPromise) {
		return errorsmod.Wrapf(types.ErrInvalidNode, "a promise needs a name that does not begin with %q, got %q", jobPromise, promise)
	}
	return nil
}

func checkStake(r types.Reservation) error {
	if r.Stake.IsNil() || r.Stake.IsNegative() {
		return errorsmod.Wrapf(types.ErrInvalidAmount, "a reservation of %s stake", r.Stake)
	}
	return nil
}

// checkFree allows a node to promise more only of what it has left.
func checkFree(n types.Node, r types.Reservation) error {
	switch {
	case n.Retiring:
		return errorsmod.Wrapf(types.ErrRetiring, "node %s makes no new promises", n.Address)
	case r.Slots > n.FreeSlots():
		return errorsmod.Wrapf(types.ErrReserved, "node %s has %d of %d slots free, %d are needed", n.Address, n.FreeSlots(), n.Offer.Slots, r.Slots)
	case r.Power > n.FreePower():
		return errorsmod.Wrapf(types.ErrReserved, "node %s has promised %d of %d micro-E, %d more are needed", n.Address, n.ReservedPower, n.Power, r.Power)
	case r.Stake.IsPositive() && n.ReservedStake.Add(r.Stake).GT(n.Stake):
		return errorsmod.Wrapf(types.ErrReserved, "node %s has promised %s of %s%s stake, %s more are needed", n.Address, n.ReservedStake, n.Stake, types.Denom, r.Stake)
	}
	return nil
}

// removeReservation takes the promise out of the ledger and out of n.
func (k *Keeper) removeReservation(ctx context.Context, addr sdk.AccAddress, n *types.Node, promise string) error {
	key := collections.Join(addr, promise)
	r, err := k.Reservations.Get(ctx, key)
	if err != nil {
		return errorsmod.Wrapf(err, "reservation %s on node %s", promise, n.Address)
	}
	n.ReservedSlots -= r.Slots
	n.ReservedPower -= r.Power
	n.ReservedStake = n.ReservedStake.Sub(r.Stake)
	return k.Reservations.Remove(ctx, key)
}

func (k *Keeper) hasPromises(ctx context.Context, addr sdk.AccAddress) (bool, error) {
	iter, err := k.Reservations.Iterate(ctx, collections.NewPrefixedPairRange[sdk.AccAddress, string](addr))
	if err != nil {
		return false, err
	}
	defer iter.Close()
	return iter.Valid(), nil
}
