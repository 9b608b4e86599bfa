package keeper

import (
	"context"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/x/internal/answers"
	"github.com/edgematrix/emc/x/socket/types"
)

// InitGenesis writes a genesis state; indexes and queues are built from it. It
// checks at the end that money, promises and NFTs are there.
func (k *Keeper) InitGenesis(ctx context.Context, g *types.GenesisState) error {
	if err := k.Params.Set(ctx, g.Params); err != nil {
		return err
	}
	for _, s := range g.Sockets {
		if err := k.setSocket(ctx, nil, s); err != nil {
			return err
		}
	}
	for _, s := range g.Sequences {
		minter, err := types.Address("minter", s.Minter)
		if err != nil {
			return err
		}
		if err := k.SocketSequences.Set(ctx, minter, s.Next); err != nil {
			return err
		}
	}
	return k.CheckInvariants(ctx)
}

// ExportGenesis reads everything back.
func (k *Keeper) ExportGenesis(ctx context.Context) (*types.GenesisState, error) {
	params, err := k.Params.Get(ctx)
	if err != nil {
		return nil, err
	}
	g := &types.GenesisState{Params: params}
	if g.Sockets, err = answers.All(ctx, k.Sockets); err != nil {
		return nil, err
	}
	return g, k.SocketSequences.Walk(ctx, nil, func(minter sdk.AccAddress, next uint64) (bool, error) {
		g.Sequences = append(g.Sequences, types.SocketSequence{Minter: minter.String(), Next: next})
		return false, nil
	})
}
