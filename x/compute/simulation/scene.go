package simulation

import (
	"context"
	"errors"

	"cosmossdk.io/collections"

	"github.com/cosmos/cosmos-sdk/testutil/simsx"
	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/x/compute/keeper"
	"github.com/edgematrix/emc/x/compute/types"
)

// scene is the state as one factory sees it.
type scene struct {
	ctx      context.Context
	k        *keeper.Keeper
	data     *simsx.ChainDataSource
	reporter simsx.SimulationReporter
	r        *simsx.XRand
	params   types.Params
	now      int64 // by the network's clock
}

func newScene(ctx context.Context, k *keeper.Keeper, data *simsx.ChainDataSource, reporter simsx.SimulationReporter) scene {
	clock, err := k.Clock.Get(ctx)
	if err != nil && !errors.Is(err, collections.ErrNotFound) {
		panic(err)
	}
	params, err := k.Params.Get(ctx)
	if err != nil {
		panic(err)
	}
	now := clock.Now(sdk.UnwrapSDKContext(ctx).BlockTime().Unix())
	return scene{ctx: ctx, k: k, data: data, reporter: reporter, r: data.Rand(), params: params, now: now}
}

// all lists every node, in the order of the store.
func (s scene) all() []types.Node {
	var out []types.Node
	err := s.k.Nodes.Walk(s.ctx, nil, func(_ sdk.AccAddress, n types.Node) (bool, error) {
		out = append(out, n)
		return false, nil
	})
	if err != nil {
		panic(err)
	}
	return out
}

// nodes lists the nodes that the simulation plays and that ok accepts.
func (s scene) nodes(ok func(types.Node) bool) []types.Node {
	var out []types.Node
	for _, n := range s.all() {
		if s.data.HasAccount(n.Address) && s.data.HasAccount(n.Operator) && ok(n) {
			out = append(out, n)
		}
	}
	return out
}

// jobs lists the jobs of played customers on played nodes that ok accepts.
func (s scene) jobs(ok func(types.Job) bool) []types.Job {
	var out []types.Job
	err := s.k.Jobs.Walk(s.ctx, nil, func(_ string, j types.Job) (bool, error) {
		if s.data.HasAccount(j.Customer) && s.data.HasAccount(j.Node) && ok(j) {
			out = append(out, j)
		}
		return false, nil
	})
	if err != nil {
		panic(err)
	}
	return out
}

func (s scene) apps() []types.App {
	var out []types.App
	err := s.k.Apps.Walk(s.ctx, nil, func(_ string, a types.App) (bool, error) {
		out = append(out, a)
		return false, nil
	})
	if err != nil {
		panic(err)
	}
	return out
}

// unbondings counts the withdrawals of a node that are under way.
func (s scene) unbondings(n types.Node) int {
	count := 0
	of := collections.NewPrefixedPairRange[sdk.AccAddress, uint64](sdk.MustAccAddressFromBech32(n.Address))
	err := s.k.Unbondings.Walk(s.ctx, of, func(collections.Pair[sdk.AccAddress, uint64], types.Unbonding) (bool, error) {
		count++
		return false, nil
	})
	if err != nil {
		panic(err)
	}
	return count
}

// promised says whether a node has a promise that lives.
func (s scene) promised(n types.Node) bool {
	found := false
	of := collections.NewPrefixedPairRange[sdk.AccAddress, string](sdk.MustAccAddressFromBech32(n.Address))
	err := s.k.Reservations.Walk(s.ctx, of, func(collections.Pair[sdk.AccAddress, string], types.Reservation) (bool, error) {
		found = true
		return true, nil
	})
	if err != nil {
		panic(err)
	}
	return found
}

// anyNode accepts every node.
func anyNode(types.Node) bool { return true }

// in accepts the jobs in one of the statuses.
func in(statuses ...types.JobStatus) func(types.Job) bool {
	return func(j types.Job) bool {
		for _, s := range statuses {
			if j.Status == s {
				return true
			}
		}
		return false
	}
}

// pick takes one of a list, or skips the operation.
func pick[T any](s scene, what string, list []T) (one T, ok bool) {
	if len(list) == 0 {
		s.reporter.Skip("no " + what)
		return one, false
	}
	return list[s.r.Intn(len(list))], true
}

// who returns the signer of a message.
func (s scene) who(bech32 string) []simsx.SimAccount {
	return []simsx.SimAccount{s.data.GetAccount(s.reporter, bech32)}
}

// rich finds somebody who can spend an amount and pay a fee besides.
func (s scene) rich(amount sdk.Coin) (simsx.SimAccount, bool) {
	account := s.data.AnyAccountN(20, s.reporter, simsx.SimAccountFilterFn(func(a simsx.SimAccount) bool {
		return a.LiquidBalance().AmountOf(types.Denom).GTE(amount.Amount.AddRaw(fee))
	}))
	return account, !s.reporter.IsSkipped() && spend(account, amount)
}

// spend takes what a message will cost out of what the simulator may take for fees.
func spend(a simsx.SimAccount, amount sdk.Coin) bool {
	return amount.IsZero() || a.LiquidBalance().BlockAmount(amount)
}
