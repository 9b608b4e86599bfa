package keeper

import (
	"context"
	"errors"

	"cosmossdk.io/collections"
	errorsmod "cosmossdk.io/errors"
	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"

	computetypes "github.com/edgematrix/emc/x/compute/types"
	"github.com/edgematrix/emc/x/socket/types"
)

// Socket loads a socket.
func (k *Keeper) Socket(ctx context.Context, id string) (types.Socket, error) {
	if err := types.ValidateSocketID(id); err != nil {
		return types.Socket{}, err
	}
	s, err := k.Sockets.Get(ctx, id)
	if errors.Is(err, collections.ErrNotFound) {
		return s, errorsmod.Wrapf(types.ErrSocketNotFound, "no socket %s; it never was, or was settled long ago", id)
	}
	return s, err
}

// owned loads a socket that sender owns: as the NFT's owner, or as its holder
// while the module has the NFT.
func (k *Keeper) owned(ctx context.Context, sender, id string) (sdk.AccAddress, types.Socket, error) {
	addr, err := types.Address("holder", sender)
	if err != nil {
		return nil, types.Socket{}, err
	}
	s, err := k.Socket(ctx, id)
	if err != nil {
		return nil, s, err
	}
	if owner := k.owner(ctx, s); !owner.Equals(addr) {
		return nil, s, errorsmod.Wrapf(types.ErrNotHolder, "socket %s belongs to %s, not to %s", id, owner, sender)
	}
	return addr, s, nil
}

// owner is who may sell, use or burn a socket.
func (k *Keeper) owner(ctx context.Context, s types.Socket) sdk.AccAddress {
	if s.Holder != "" {
		holder, err := sdk.AccAddressFromBech32(s.Holder)
		if err != nil {
			panic(err) // only addresses are stored
		}
		return holder
	}
	return k.nft.Owner(ctx, types.ClassID(s.Minter), s.Id)
}

// Owner is who may sell, use or burn a socket, for a simulation that plays him.
func (k *Keeper) Owner(ctx context.Context, s types.Socket) sdk.AccAddress { return k.owner(ctx, s) }

// take brings the NFT into the module's keeping.
func (k *Keeper) take(ctx context.Context, s *types.Socket, from sdk.AccAddress) error {
	if s.Holder != "" {
		return nil
	}
	s.Holder = from.String()
	return k.nft.Transfer(ctx, types.ClassID(s.Minter), s.Id, types.SocketEscrow(s.Id))
}

// give hands the NFT out.
func (k *Keeper) give(ctx context.Context, s *types.Socket, to sdk.AccAddress) error {
	s.Holder = ""
	return k.nft.Transfer(ctx, types.ClassID(s.Minter), s.Id, to)
}

// setSocket writes a socket, and brings indexes and agenda up to date. Every
// change goes through here; was is what is stored, nil for a new one.
func (k *Keeper) setSocket(ctx context.Context, was *types.Socket, s types.Socket) error {
	var old types.Socket
	if was != nil {
		old = *was
	} else {
		old.Ask = math.ZeroInt()
		node, err := types.Address("node", s.Node)
		if err != nil {
			return err
		}
		if err := k.SocketsByNode.Set(ctx, collections.Join(node, s.Id)); err != nil {
			return err
		}
	}
	if err := k.reindex(ctx, old, s); err != nil {
		return err
	}
	return k.Sockets.Set(ctx, s.Id, s)
}

// reindex moves a socket's entries from where they are to where they belong. An
// entry that stays is not written again: that would cost as much as moving it.
func (k *Keeper) reindex(ctx context.Context, old, s types.Socket) error {
	moved := old.Listed() != s.Listed() || old.AskPerEHour != s.AskPerEHour
	if moved && old.Listed() {
		if err := k.Listings.Remove(ctx, collections.Join3(s.App, old.AskPerEHour, s.Id)); err != nil {
			return err
		}
	}
	if moved && s.Listed() {
		if err := k.Listings.Set(ctx, collections.Join3(s.App, s.AskPerEHour, s.Id)); err != nil {
			return err
		}
	}
	if old.Holder != s.Holder {
		if err := k.moveHolder(ctx, old.Holder, s.Holder, s.Id); err != nil {
			return err
		}
	}
	if old.Session != s.Session && old.Session != "" {
		if err := k.SocketsBySession.Remove(ctx, old.Session); err != nil {
			return err
		}
	}
	if old.Session != s.Session && s.Session != "" {
		if err := k.SocketsBySession.Set(ctx, s.Session, s.Id); err != nil {
			return err
		}
	}
	if old.Deadline == s.Deadline {
		return nil
	}
	if old.Deadline > 0 {
		if err := k.Agenda.Remove(ctx, deadlineOf(old.Deadline, s.Id)); err != nil {
			return err
		}
	}
	if s.Deadline > 0 {
		return k.Agenda.Set(ctx, deadlineOf(s.Deadline, s.Id))
	}
	return nil
}

func (k *Keeper) moveHolder(ctx context.Context, from, to, id string) error {
	if from != "" {
		addr, err := types.Address("holder", from)
		if err != nil {
			return err
		}
		if err := k.SocketsByHolder.Remove(ctx, collections.Join(addr, id)); err != nil {
			return err
		}
	}
	if to == "" {
		return nil
	}
	addr, err := types.Address("holder", to)
	if err != nil {
		return err
	}
	return k.SocketsByHolder.Set(ctx, collections.Join(addr, id))
}

// reserve promises the socket's slots, power and collateral in the node's ledger.
func (k *Keeper) reserve(ctx context.Context, s types.Socket) error {
	node, err := types.Address("node", s.Node)
	if err != nil {
		return err
	}
	return k.compute.SetReservation(ctx, node, computetypes.Reservation{
		Promise: types.SocketPromise(s.Id), App: s.App, Slots: s.Slots, Power: s.Power, Stake: s.Collateral,
	})
}

// release ends the promise. What jobs took out of it they keep until they close.
func (k *Keeper) release(ctx context.Context, s types.Socket) error {
	node, err := types.Address("node", s.Node)
	if err != nil {
		return err
	}
	return k.compute.SetReservation(ctx, node, computetypes.Reservation{Promise: types.SocketPromise(s.Id), Stake: math.ZeroInt()})
}

// outage is for how many seconds, since it was sold, the chain saw that the node
// could not deliver. A node that is gone cannot for all of it.
func (k *Keeper) outage(ctx context.Context, s types.Socket) (uint64, error) {
	if !s.Sold() {
		return 0, nil
	}
	node, err := types.Address("node", s.Node)
	if err != nil {
		return 0, err
	}
	total, err := k.compute.Outage(ctx, node)
	if errorsmod.IsOf(err, computetypes.ErrNodeNotFound) {
		return s.Validity().Uint64(), nil
	}
	return total - min(total, s.OutageAtSale), err
}

// remove takes a socket out of the state.
func (k *Keeper) remove(ctx context.Context, node sdk.AccAddress, s types.Socket) error {
	gone := s
	gone.Holder, gone.Session, gone.Deadline = "", "", 0
	gone.Ask = math.ZeroInt()
	if err := k.reindex(ctx, s, gone); err != nil {
		return err
	}
	if err := k.SocketsByNode.Remove(ctx, collections.Join(node, s.Id)); err != nil {
		return err
	}
	return k.Sockets.Remove(ctx, s.Id)
}
