package simulation

import (
	"context"
	"errors"

	"cosmossdk.io/collections"

	"github.com/cosmos/cosmos-sdk/testutil/simsx"
	sdk "github.com/cosmos/cosmos-sdk/types"

	computetypes "github.com/edgematrix/emc/x/compute/types"
	"github.com/edgematrix/emc/x/poc/keeper"
	"github.com/edgematrix/emc/x/poc/types"
)

// scene is the state as one factory sees it.
type scene struct {
	ctx      context.Context
	k        *keeper.Keeper
	data     *simsx.ChainDataSource
	reporter simsx.SimulationReporter
	r        *simsx.XRand
	height   int64
	params   types.Params
	window   types.Window // the newest; its height is 0 before the first
}

func newScene(ctx context.Context, k *keeper.Keeper, data *simsx.ChainDataSource, reporter simsx.SimulationReporter) scene {
	params, err := k.Params.Get(ctx)
	if err != nil {
		panic(err)
	}
	s := scene{ctx: ctx, k: k, data: data, reporter: reporter, r: data.Rand(), height: sdk.UnwrapSDKContext(ctx).BlockHeight(), params: params}
	height, err := k.Last.Get(ctx)
	if errors.Is(err, collections.ErrNotFound) {
		return s
	}
	if err == nil {
		s.window, err = k.Windows.Get(ctx, height)
	}
	if err != nil {
		panic(err)
	}
	return s
}

// open reports whether a node can commit in this block.
func (s scene) open() bool {
	return s.window.Active() && s.window.Phase == types.PHASE_OPEN && s.height > s.window.Height
}

// prover is a node that the simulation plays.
type prover struct {
	computetypes.Node
	account sdk.AccAddress
	commit  types.Commit
	has     bool // a commitment in the window under way
}

// provers lists the nodes that ok accepts, in the order of the accounts.
func (s scene) provers(ok func(prover) bool) []prover {
	var out []prover
	for _, a := range s.data.AllAccounts() {
		n, err := s.k.Compute().Node(s.ctx, a.Address)
		if errors.Is(err, computetypes.ErrNodeNotFound) {
			continue
		}
		if err != nil {
			panic(err)
		}
		p := prover{Node: n, account: a.Address}
		p.commit, err = s.k.Commits.Get(s.ctx, a.Address)
		if p.has = err == nil; !p.has && !errors.Is(err, collections.ErrNotFound) {
			panic(err)
		}
		if ok(p) {
			out = append(out, p)
		}
	}
	return out
}

// may reports whether the node may prove.
func (p prover) may() bool { return p.Role == computetypes.ROLE_COMPUTING && !p.Jailed }

// much power is more than any proof of a simulation shows, in micro-E.
const much = 20_000

// works says whether a node takes part in the window. One that had much power from
// the beginning mostly rests: with the first trifle that it proves it would lose
// what sockets are made of.
func (s scene) works(p prover) bool { return p.may() && (p.Power < much || s.r.Intn(60) == 0) }

// asked lists the nodes that have to open their commitment now and will: one in
// six stays silent throughout the window.
func (s scene) asked() []prover {
	if !s.window.Active() || s.window.Phase != types.PHASE_REVEAL {
		return nil
	}
	return s.provers(func(p prover) bool {
		return p.may() && p.has && p.commit.Outcome == types.OUTCOME_PENDING && s.window.Drawn(p.commit) && !s.silent(p)
	})
}

// silent says whether a node keeps what it committed to for itself.
func (s scene) silent(p prover) bool {
	return (int(s.window.Draw[len(s.window.Draw)-1])+int(p.account[0]))%6 == 0
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
