package keeper

import (
	"context"

	"cosmossdk.io/collections"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/x/internal/answers"
	"github.com/edgematrix/emc/x/market/types"
)

// InitGenesis writes a genesis state; indexes and queues are built from it. It
// checks at the end that the money is there.
func (k *Keeper) InitGenesis(ctx context.Context, g *types.GenesisState) error {
	if err := k.Params.Set(ctx, g.Params); err != nil {
		return err
	}
	for _, s := range g.Sessions {
		if err := k.initSession(ctx, s); err != nil {
			return err
		}
	}
	for _, l := range g.Lanes {
		key, err := laneKeyOf(l.Session, l.Router, l.Node)
		if err != nil {
			return err
		}
		if err := k.Lanes.Set(ctx, key, l); err != nil {
			return err
		}
	}
	for _, c := range g.Covers {
		if err := k.initCover(ctx, c); err != nil {
			return err
		}
	}
	for _, e := range g.Evidence {
		key, err := laneKeyOf(e.Session, e.Router, e.Node)
		if err != nil {
			return err
		}
		if err := k.Evidence.Set(ctx, collections.Join4(key.K1(), key.K2(), key.K3(), e.Sequence), e); err != nil {
			return err
		}
	}
	for _, j := range g.Jobs {
		if err := k.SessionJobs.Set(ctx, j.Job, j); err != nil {
			return err
		}
	}
	for _, s := range g.Sequences {
		owner, err := types.Address("owner", s.Owner, types.ErrInvalidGenesis)
		if err != nil {
			return err
		}
		if err := k.SessionSequences.Set(ctx, owner, s.Next); err != nil {
			return err
		}
	}
	return k.CheckInvariants(ctx)
}

func (k *Keeper) initSession(ctx context.Context, s types.Session) error {
	if err := k.Sessions.Set(ctx, s.Id, s); err != nil {
		return err
	}
	if err := k.Agenda.Set(ctx, sessionEntry(s.Deadline, s.Id)); err != nil {
		return err
	}
	if s.Status == types.SESSION_STATUS_SETTLED {
		return nil
	}
	for _, r := range s.Routers {
		addr, err := types.Address("router", r.Router, types.ErrInvalidGenesis)
		if err != nil {
			return err
		}
		if err := k.SessionsByRouter.Set(ctx, collections.Join(addr, s.Id)); err != nil {
			return err
		}
	}
	return nil
}

// initCover writes a cover. Its reservation is in x/compute's genesis.
func (k *Keeper) initCover(ctx context.Context, c types.Cover) error {
	router, err := types.Address("router", c.Router, types.ErrInvalidGenesis)
	if err != nil {
		return err
	}
	node, err := types.Address("node", c.Node, types.ErrInvalidGenesis)
	if err != nil {
		return err
	}
	return k.writeCover(ctx, router, node, types.Cover{Amount: zero()}, c)
}

// laneKeyOf is the key of a lane by its names.
func laneKeyOf(session, router, node string) (laneKey, error) {
	var routerAddr sdk.AccAddress
	nodeAddr, err := types.Address("node", node, types.ErrInvalidGenesis)
	if err == nil && router != "" {
		routerAddr, err = types.Address("router", router, types.ErrInvalidGenesis)
	}
	return collections.Join3(session, routerAddr, nodeAddr), err
}

// ExportGenesis reads the whole state.
func (k *Keeper) ExportGenesis(ctx context.Context) (*types.GenesisState, error) {
	g := types.DefaultGenesis()
	var err error
	if g.Params, err = k.Params.Get(ctx); err != nil {
		return nil, err
	}
	if g.Sessions, err = answers.All(ctx, k.Sessions); err != nil {
		return nil, err
	}
	if g.Lanes, err = answers.All(ctx, k.Lanes); err != nil {
		return nil, err
	}
	if g.Covers, err = answers.All(ctx, k.Covers); err != nil {
		return nil, err
	}
	if g.Evidence, err = answers.All(ctx, k.Evidence); err != nil {
		return nil, err
	}
	if g.Jobs, err = answers.All(ctx, k.SessionJobs); err != nil {
		return nil, err
	}
	err = k.SessionSequences.Walk(ctx, nil, func(owner sdk.AccAddress, next uint64) (bool, error) {
		g.Sequences = append(g.Sequences, types.SessionSequence{Owner: owner.String(), Next: next})
		return false, nil
	})
	return g, err
}
