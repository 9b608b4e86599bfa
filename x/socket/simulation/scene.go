package simulation

import (
	"context"
	"errors"
	"fmt"

	"cosmossdk.io/math"

	"github.com/cosmos/cosmos-sdk/testutil/simsx"
	sdk "github.com/cosmos/cosmos-sdk/types"

	computetypes "github.com/edgematrix/emc/x/compute/types"
	"github.com/edgematrix/emc/x/socket/keeper"
	"github.com/edgematrix/emc/x/socket/types"
)

type (
	handler = simsx.SimDeliveryResultHandler
	source  = *simsx.ChainDataSource
	report  = simsx.SimulationReporter
	signers = []simsx.SimAccount
)

const (
	// fee is what a factory leaves of an account's balance for fees, in uemc.
	fee = 1_000_000
	// most is how many sockets live at once: few, so that each gets somewhere.
	most = 16
	// apps of x/compute's simulation have numbers up to here.
	apps = 4
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
	params, err := k.Params.Get(ctx)
	if err != nil {
		panic(err)
	}
	clock, err := k.Compute().NetworkClock(ctx)
	if err != nil {
		panic(err)
	}
	return scene{ctx: ctx, k: k, data: data, reporter: reporter, r: data.Rand(), params: params, now: clock.Now(sdk.UnwrapSDKContext(ctx).BlockTime().Unix())}
}

// nodes lists the played nodes of a role, in the order of the accounts.
func (s scene) nodes(role computetypes.Role, ok func(computetypes.Node) bool) []computetypes.Node {
	var out []computetypes.Node
	for _, a := range s.data.AllAccounts() {
		n, err := s.k.Compute().Node(s.ctx, a.Address)
		if err == nil && n.Role == role && s.data.HasAccount(n.Operator) && ok(n) {
			out = append(out, n)
		}
	}
	return out
}

// served lists the apps that a node serves.
func (s scene) served(n computetypes.Node) []string {
	var out []string
	for i := range apps {
		app, err := s.k.Compute().App(s.ctx, fmt.Sprintf("app-%d", i))
		switch {
		case errors.Is(err, computetypes.ErrAppNotFound):
		case err != nil:
			panic(err)
		case n.Offer.Serves(app):
			out = append(out, app.Id)
		}
	}
	return out
}

// sockets lists the sockets of played owners that ok accepts.
func (s scene) sockets(ok func(types.Socket) bool) []types.Socket {
	var out []types.Socket
	err := s.k.Sockets.Walk(s.ctx, nil, func(_ string, one types.Socket) (bool, error) {
		if s.data.HasAccount(s.k.Owner(s.ctx, one).String()) && ok(one) {
			out = append(out, one)
		}
		return false, nil
	})
	if err != nil {
		panic(err)
	}
	return out
}

// free says whether a socket is its owner's to sell, plug, split or burn.
func free(one types.Socket) bool {
	return (one.Status == types.SOCKET_STATUS_MINTED || one.Status == types.SOCKET_STATUS_IDLE) && !one.Listed()
}

// fresh refuses what a socket is too old for. It has expired and is not settled
// yet while the agenda waits, after a standstill or behind others.
func (s scene) fresh(one types.Socket) handler {
	if s.now >= one.ExpiresAt {
		return refused(types.ErrExpired)
	}
	return nil
}

// owner is the account of a socket's owner.
func (s scene) owner(one types.Socket) simsx.SimAccount {
	return s.data.GetAccount(s.reporter, s.k.Owner(s.ctx, one).String())
}

// price is one that a socket may be listed for.
func (s scene) price() sdk.Coin {
	return types.Uemc(math.MaxInt(s.params.MinPrice.Amount.AddRaw(s.r.Int63n(4_000_000)), math.OneInt()))
}

// pick takes one of a list, or skips the operation.
func pick[T any](s scene, what string, list []T) (one T, ok bool) {
	if len(list) == 0 {
		s.reporter.Skip("no " + what)
		return one, false
	}
	return list[s.r.Intn(len(list))], true
}

// rich says that an account can spend an amount and pay a fee besides, and takes
// the amount out of what the simulator may take for fees.
func (s scene) rich(a simsx.SimAccount, amount sdk.Coin) bool {
	if a.LiquidBalance().AmountOf(types.Denom).LT(amount.Amount.AddRaw(fee)) {
		s.reporter.Skip("too poor")
		return false
	}
	return amount.IsZero() || a.LiquidBalance().BlockAmount(amount)
}
