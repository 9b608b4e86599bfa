package simulation

import (
	"context"

	"cosmossdk.io/math"

	"github.com/cosmos/cosmos-sdk/testutil/simsx"

	computetypes "github.com/edgematrix/emc/x/compute/types"
	market "github.com/edgematrix/emc/x/market/simulation"
	markettypes "github.com/edgematrix/emc/x/market/types"
	"github.com/edgematrix/emc/x/socket/keeper"
	"github.com/edgematrix/emc/x/socket/types"
)

// plug opens the session whose vouchers and jobs x/market's simulation plays: its
// key is one that it knows.
func plug(k *keeper.Keeper) simsx.SimMsgFactoryX {
	return simsx.NewSimMsgFactoryWithDeliveryResultHandler[*types.MsgPlug](func(ctx context.Context, data source, reporter report) (signers, *types.MsgPlug, handler) {
		s := newScene(ctx, k, data, reporter)
		one, ok := pick(s, "sold socket that is free", s.sockets(func(one types.Socket) bool { return free(one) && one.Sold() }))
		if !ok {
			return nil, nil, nil
		}
		result := s.fresh(one)
		if result == nil && !one.Unused().IsPositive() {
			result = refused(types.ErrWrongStatus)
		}
		return signers{s.owner(one)}, s.plugging(one), result
	})
}

func (s scene) plugging(one types.Socket) *types.MsgPlug {
	owner := s.owner(one)
	sequence, err := s.k.Market().NextSequence(s.ctx, owner.Address)
	if err != nil {
		panic(err)
	}
	return &types.MsgPlug{
		Holder: owner.AddressBech32, Socket: one.Id, Key: market.SessionKey(owner.AddressBech32, sequence, 1).PubKey().Bytes(), Allotments: s.allotments(one.Unused()),
	}
}

// allotments give at most two routers a part of an amount; jobs have the rest.
func (s scene) allotments(amount math.Int) []markettypes.Allotment {
	var out []markettypes.Allotment
	for _, n := range s.nodes(computetypes.ROLE_ROUTER, func(n computetypes.Node) bool { return n.Stake.IsPositive() && !n.Jailed && !n.Retiring }) {
		if len(out) == 2 || s.r.Intn(3) == 0 {
			continue
		}
		part := math.NewInt(s.r.Int63n(amount.Int64()/2 + 1))
		amount = amount.Sub(part)
		out = append(out, markettypes.Allotment{Router: n.Address, Amount: types.Uemc(part)})
	}
	return out
}

// plugUnsold plugs in what nobody has bought, and no money is behind.
func plugUnsold(k *keeper.Keeper) simsx.SimMsgFactoryX {
	return simsx.NewSimMsgFactoryWithDeliveryResultHandler[*types.MsgPlug](func(ctx context.Context, data source, reporter report) (signers, *types.MsgPlug, handler) {
		s := newScene(ctx, k, data, reporter)
		one, ok := pick(s, "unsold socket", s.sockets(func(one types.Socket) bool { return one.Status == types.SOCKET_STATUS_MINTED }))
		if !ok {
			return nil, nil, nil
		}
		return signers{s.owner(one)}, s.plugging(one), refused(types.ErrWrongStatus)
	})
}

func unplug(k *keeper.Keeper) simsx.SimMsgFactoryX {
	return simsx.NewSimMsgFactoryWithDeliveryResultHandler[*types.MsgUnplug](func(ctx context.Context, data source, reporter report) (signers, *types.MsgUnplug, handler) {
		s := newScene(ctx, k, data, reporter)
		one, ok := pick(s, "plugged socket", s.sockets(func(one types.Socket) bool { return one.Status == types.SOCKET_STATUS_PLUGGED }))
		if !ok {
			return nil, nil, nil
		}
		owner := s.owner(one)
		return signers{owner}, &types.MsgUnplug{Holder: owner.AddressBech32, Socket: one.Id}, nil
	})
}
