package simulation

import (
	"context"

	"cosmossdk.io/math"

	"github.com/cosmos/cosmos-sdk/testutil/simsx"

	computetypes "github.com/edgematrix/emc/x/compute/types"
	"github.com/edgematrix/emc/x/socket/keeper"
	"github.com/edgematrix/emc/x/socket/types"
)

// mint makes a socket of what a node has free, mostly listed at once.
func mint(k *keeper.Keeper) simsx.SimMsgFactoryX {
	return simsx.NewSimMsgFactoryWithDeliveryResultHandler[*types.MsgMint](func(ctx context.Context, data source, reporter report) (signers, *types.MsgMint, handler) {
		s := newScene(ctx, k, data, reporter)
		if len(s.sockets(func(one types.Socket) bool { return one.Status != types.SOCKET_STATUS_SETTLED })) >= most {
			reporter.Skip("enough sockets")
			return nil, nil, nil
		}
		n, ok := pick(s, "node with something free", s.nodes(computetypes.ROLE_COMPUTING, func(n computetypes.Node) bool {
			return !n.Retiring && !n.Jailed && n.FreeSlots() > 0 && s.backed(n) >= uint64(n.FreeSlots()) && len(s.served(n)) > 0
		}))
		if !ok {
			return nil, nil, nil
		}
		slots := 1 + uint32(s.r.Intn(int(n.FreeSlots())))
		m := s.minting(n, slots, 1+uint64(s.r.Int63n(int64(s.backed(n)/uint64(slots)))))
		if s.r.Intn(4) > 0 {
			m.Ask = s.price()
		}
		operator := data.GetAccount(reporter, n.Operator)
		if !s.rich(operator, s.params.MintFee) {
			return nil, nil, nil
		}
		return signers{operator}, m, nil
	})
}

// minting is a message to mint, unlisted, for a random time.
func (s scene) minting(n computetypes.Node, slots uint32, slotPower uint64) *types.MsgMint {
	served := s.served(n)
	return &types.MsgMint{
		Operator: n.Operator, Node: n.Address, App: served[s.r.Intn(len(served))], Slots: slots, SlotPower: slotPower,
		Seconds: s.params.MinSeconds + uint64(s.r.Int63n(int64(s.params.MaxSeconds-s.params.MinSeconds)+1)),
		Royalty: uint32(s.r.Intn(int(s.params.MaxRoyalty) + 1)), Ask: types.Uemc(math.ZeroInt()),
	}
}

// backed is how much power a node can still sell: proven, and with stake behind it.
func (s scene) backed(n computetypes.Node) uint64 {
	perE := s.params.CollateralPerE.Amount
	if !perE.IsPositive() {
		return n.FreePower()
	}
	stake := math.MaxInt(n.Stake.Sub(n.ReservedStake), math.ZeroInt())
	return math.MinInt(stake.MulRaw(types.MicroE).Quo(perE), math.NewIntFromUint64(n.FreePower())).Uint64()
}

// mintTooMuch sells a node's power, its stake or its slots twice.
func mintTooMuch(k *keeper.Keeper) simsx.SimMsgFactoryX {
	return simsx.NewSimMsgFactoryWithDeliveryResultHandler[*types.MsgMint](func(ctx context.Context, data source, reporter report) (signers, *types.MsgMint, handler) {
		s := newScene(ctx, k, data, reporter)
		n, ok := pick(s, "node that serves an app", s.nodes(computetypes.ROLE_COMPUTING, func(n computetypes.Node) bool {
			return !n.Retiring && !n.Jailed && len(s.served(n)) > 0
		}))
		if !ok {
			return nil, nil, nil
		}
		m := s.minting(n, 1, s.backed(n)+1)
		if s.r.Intn(2) == 0 {
			m.Slots, m.SlotPower = n.FreeSlots()+1, 1
		}
		operator := data.GetAccount(reporter, n.Operator)
		if !s.rich(operator, s.params.MintFee) {
			return nil, nil, nil
		}
		return signers{operator}, m, refused(computetypes.ErrReserved)
	})
}

// split takes slots out of a socket. What it gives up must be free of its node
// again: a node that has less than it promised, or is retiring, refuses.
func split(k *keeper.Keeper) simsx.SimMsgFactoryX {
	return simsx.NewSimMsgFactoryWithDeliveryResultHandler[*types.MsgSplit](func(ctx context.Context, data source, reporter report) (signers, *types.MsgSplit, handler) {
		s := newScene(ctx, k, data, reporter)
		one, ok := pick(s, "socket of several slots", s.sockets(func(one types.Socket) bool { return free(one) && one.Slots > 1 }))
		if !ok {
			return nil, nil, nil
		}
		owner := s.owner(one)
		if !s.rich(owner, s.params.MintFee) {
			return nil, nil, nil
		}
		result := s.fresh(one)
		switch {
		case result != nil:
		case one.Held.IsPositive():
			result = refused(types.ErrWrongStatus)
		default:
			result = mayBeRefused(computetypes.ErrReserved, computetypes.ErrRetiring)
		}
		return signers{owner}, &types.MsgSplit{Holder: owner.AddressBech32, Socket: one.Id, Slots: 1 + uint32(s.r.Intn(int(one.Slots-1)))}, result
	})
}

// burn ends a socket before its time.
func burn(k *keeper.Keeper) simsx.SimMsgFactoryX {
	return simsx.NewSimMsgFactoryWithDeliveryResultHandler[*types.MsgBurn](func(ctx context.Context, data source, reporter report) (signers, *types.MsgBurn, handler) {
		s := newScene(ctx, k, data, reporter)
		one, ok := pick(s, "socket that is free", s.sockets(free))
		if !ok {
			return nil, nil, nil
		}
		owner := s.owner(one)
		return signers{owner}, &types.MsgBurn{Holder: owner.AddressBech32, Socket: one.Id}, nil
	})
}

// burnStrange ends somebody else's socket, to have its money.
func burnStrange(k *keeper.Keeper) simsx.SimMsgFactoryX {
	return simsx.NewSimMsgFactoryWithDeliveryResultHandler[*types.MsgBurn](func(ctx context.Context, data source, reporter report) (signers, *types.MsgBurn, handler) {
		s := newScene(ctx, k, data, reporter)
		one, ok := pick(s, "socket", s.sockets(func(types.Socket) bool { return true }))
		if !ok {
			return nil, nil, nil
		}
		thief := data.AnyAccountN(10, reporter, simsx.ExcludeAccounts(s.owner(one)))
		if reporter.IsSkipped() {
			return nil, nil, nil
		}
		return signers{thief}, &types.MsgBurn{Holder: thief.AddressBech32, Socket: one.Id}, refused(types.ErrNotHolder)
	})
}
