package keeper

import (
	"context"
	"time"

	"cosmossdk.io/collections"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/x/compute/types"
	"github.com/edgematrix/emc/x/internal/answers"
)

// InitGenesis writes a genesis state; indexes and queues are built from it. It
// checks at the end that the money is there.
func (k *Keeper) InitGenesis(ctx context.Context, g *types.GenesisState) error {
	ctx = whenItStopped(ctx, g.Clock)
	if err := k.Params.Set(ctx, g.Params); err != nil {
		return err
	}
	if err := k.Clock.Set(ctx, g.Clock); err != nil {
		return err
	}
	for _, n := range g.Nodes {
		if err := k.initNode(ctx, n); err != nil {
			return err
		}
	}
	for _, r := range g.Reservations {
		addr, err := address("node", r.Node, types.ErrInvalidNode)
		if err != nil {
			return err
		}
		if err := k.Reservations.Set(ctx, collections.Join(addr, r.Promise), r); err != nil {
			return err
		}
	}
	for _, u := range g.Unbondings {
		addr, err := address("node", u.Node, types.ErrInvalidNode)
		if err != nil {
			return err
		}
		if err := k.setUnbonding(ctx, addr, u); err != nil {
			return err
		}
	}
	for _, s := range g.Slashes {
		addr, err := address("node", s.Node, types.ErrInvalidNode)
		if err != nil {
			return err
		}
		if err := k.Slashes.Set(ctx, collections.Join(addr, s.Sequence), s); err != nil {
			return err
		}
	}
	for _, a := range g.Apps {
		if err := k.Apps.Set(ctx, a.Id, a); err != nil {
			return err
		}
	}
	for _, j := range g.Jobs {
		if err := k.initJob(ctx, j); err != nil {
			return err
		}
	}
	for _, s := range g.JobSequences {
		addr, err := address("customer", s.Customer, types.ErrInvalidJob)
		if err != nil {
			return err
		}
		if err := k.JobSequences.Set(ctx, addr, s.Next); err != nil {
			return err
		}
	}
	return k.CheckInvariants(ctx)
}

// whenItStopped is the time at which an exported chain had its last block. It
// goes on from there: the time until its next one is a standstill, in which
// nobody goes offline.
func whenItStopped(ctx context.Context, c types.Clock) context.Context {
	if c.BlockTime == 0 || c.BlockTime > blockTime(ctx) {
		return ctx
	}
	return sdk.UnwrapSDKContext(ctx).WithBlockTime(time.Unix(c.BlockTime, 0).UTC())
}

func (k *Keeper) initNode(ctx context.Context, n types.Node) error {
	addr, err := address("node", n.Address, types.ErrInvalidNode)
	if err != nil {
		return err
	}
	operator, err := address("operator", n.Operator, types.ErrInvalidNode)
	if err != nil {
		return err
	}
	now, err := k.now(ctx)
	if err != nil {
		return err
	}
	n.OutageSince = min(n.OutageSince, max(now, 1)) // a chain may begin anew from an older day
	n.UnreachableSince = min(n.UnreachableSince, max(now, 1))
	n.Listing = types.Listing{} // the index is empty: every node joins it anew
	if err := k.setNode(ctx, addr, n); err != nil {
		return err
	}
	return k.NodesByOperator.Set(ctx, collections.Join(operator, addr))
}

func (k *Keeper) initJob(ctx context.Context, j types.Job) error {
	if err := k.Jobs.Set(ctx, j.Id, j); err != nil {
		return err
	}
	return k.Agenda.Set(ctx, jobEntry(j.Deadline, j.Id))
}

// ExportGenesis reads the whole state.
func (k *Keeper) ExportGenesis(ctx context.Context) (*types.GenesisState, error) {
	g := types.DefaultGenesis()
	var err error
	if g.Params, err = k.Params.Get(ctx); err != nil {
		return nil, err
	}
	if g.Clock, err = k.clock(ctx); err != nil {
		return nil, err
	}
	if g.Nodes, err = answers.All(ctx, k.Nodes); err != nil {
		return nil, err
	}
	if g.Reservations, err = answers.All(ctx, k.Reservations); err != nil {
		return nil, err
	}
	if g.Unbondings, err = answers.All(ctx, k.Unbondings); err != nil {
		return nil, err
	}
	if g.Slashes, err = answers.All(ctx, k.Slashes); err != nil {
		return nil, err
	}
	if g.Apps, err = answers.All(ctx, k.Apps); err != nil {
		return nil, err
	}
	if g.Jobs, err = answers.All(ctx, k.Jobs); err != nil {
		return nil, err
	}
	err = k.JobSequences.Walk(ctx, nil, func(customer sdk.AccAddress, next uint64) (bool, error) {
		g.JobSequences = append(g.JobSequences, types.JobSequence{Customer: customer.String(), Next: next})
		return false, nil
	})
	return g, err
}
