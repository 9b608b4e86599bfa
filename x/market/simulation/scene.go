package simulation

import (
	"context"
	"encoding/hex"

	"github.com/cosmos/cosmos-sdk/crypto/keys/secp256k1"
	"github.com/cosmos/cosmos-sdk/testutil/simsx"
	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/receipt"
	computetypes "github.com/edgematrix/emc/x/compute/types"
	"github.com/edgematrix/emc/x/market/keeper"
	"github.com/edgematrix/emc/x/market/types"
)

// fee is what a factory leaves of an account's balance for fees, in uemc.
const fee = 1_000_000

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

// bonded says whether a router may be trusted with an allotment.
func bonded(n computetypes.Node) bool { return n.Stake.IsPositive() && !n.Jailed && !n.Retiring }

func anyNode(computetypes.Node) bool { return true }

// sessions lists the sessions of played owners that ok accepts.
func (s scene) sessions(ok func(types.Session) bool) []types.Session {
	var out []types.Session
	err := s.k.Sessions.Walk(s.ctx, nil, func(_ string, one types.Session) (bool, error) {
		if s.data.HasAccount(one.Owner) && ok(one) {
			out = append(out, one)
		}
		return false, nil
	})
	if err != nil {
		panic(err)
	}
	return out
}

func in(statuses ...types.SessionStatus) func(types.Session) bool {
	return func(one types.Session) bool {
		for _, status := range statuses {
			if one.Status == status {
				return true
			}
		}
		return false
	}
}

// SessionKey is a session's key by its number: known to the simulation from the
// owner and his sequence, so that nothing has to be remembered.
func SessionKey(owner string, sequence uint64, id uint32) *secp256k1.PrivKey {
	secret := receipt.NewSessionID([]byte(owner), sequence<<8|uint64(id))
	return secp256k1.GenPrivKeyFromSecret([]byte(hex.EncodeToString(secret[:])))
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

// rich says that an account can spend an amount and pay a fee besides, and takes
// the amount out of what the simulator may take for fees.
func (s scene) rich(a simsx.SimAccount, amount sdk.Coin) bool {
	if a.LiquidBalance().AmountOf(types.Denom).LT(amount.Amount.AddRaw(fee)) {
		s.reporter.Skip("too poor")
		return false
	}
	return amount.IsZero() || a.LiquidBalance().BlockAmount(amount)
}
