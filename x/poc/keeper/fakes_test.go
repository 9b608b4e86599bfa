package keeper_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	errorsmod "cosmossdk.io/errors"
	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"

	computetypes "github.com/edgematrix/emc/x/compute/types"
	"github.com/edgematrix/emc/x/poc/types"
)

// nodes stand in for x/compute.
type nodes struct {
	byAddress map[string]*computetypes.Node
	hooks     computetypes.ComputeHooks
	// writes counts SetPower, slashed what was burned.
	writes  int
	slashed math.Int
	fail    map[string]error
}

func (n *nodes) Node(_ context.Context, addr sdk.AccAddress) (computetypes.Node, error) {
	if node := n.byAddress[addr.String()]; node != nil {
		return *node, nil
	}
	return computetypes.Node{}, errorsmod.Wrapf(computetypes.ErrNodeNotFound, "no node %s is registered", addr)
}

func (n *nodes) SetPower(_ context.Context, addr sdk.AccAddress, power uint64) error {
	if err := n.fail[addr.String()]; err != nil {
		return err
	}
	n.writes++
	n.byAddress[addr.String()].Power = power
	return nil
}

func (n *nodes) AtRisk(_ context.Context, addr sdk.AccAddress) (math.Int, error) {
	return n.byAddress[addr.String()].Stake, nil
}

func (n *nodes) Slash(_ context.Context, addr sdk.AccAddress, amount math.Int, _ string, evidence []byte) (math.Int, error) {
	if len(evidence) > 1024 {
		return amount, fmt.Errorf("evidence of %d bytes", len(evidence))
	}
	node := n.byAddress[addr.String()]
	amount = math.MinInt(amount, node.Stake)
	node.Stake = node.Stake.Sub(amount)
	if n.slashed.IsNil() {
		n.slashed = math.ZeroInt()
	}
	n.slashed = n.slashed.Add(amount)
	return amount, nil
}

func (n *nodes) Jail(_ context.Context, addr sdk.AccAddress, until int64, _ string) error {
	n.byAddress[addr.String()].Jailed, n.byAddress[addr.String()].JailedUntil = true, until
	return nil
}

// NodesAfter implements types.ComputeKeeper.
func (n *nodes) NodesAfter(_ context.Context, after sdk.AccAddress, limit int) (out []sdk.AccAddress, _ error) {
	for address := range n.byAddress {
		if addr := sdk.MustAccAddressFromBech32(address); bytes.Compare(addr, after) > 0 {
			out = append(out, addr)
		}
	}
	slices.SortFunc(out, func(a, b sdk.AccAddress) int { return bytes.Compare(a, b) })
	return out[:min(limit, len(out))], nil
}

// Reports implements types.ComputeKeeper: a node reports once, and for ever.
func (n *nodes) Reports(_ context.Context, node computetypes.Node) (bool, error) {
	return node.ReportedAt != 0, nil
}

// SetUnreachable implements types.ComputeKeeper.
func (n *nodes) SetUnreachable(ctx context.Context, addr sdk.AccAddress, unreachable bool) error {
	if err := n.fail[addr.String()]; err != nil {
		return err
	}
	node := n.byAddress[addr.String()]
	switch {
	case !unreachable:
		node.UnreachableSince = 0
	default:
		node.Reputation.ProbesFailed++
		node.UnreachableSince = max(node.UnreachableSince, sdk.UnwrapSDKContext(ctx).BlockTime().Unix())
	}
	return nil
}

func (n *nodes) Now(ctx context.Context) (int64, error) {
	return sdk.UnwrapSDKContext(ctx).BlockTime().Unix(), nil
}

// retire removes a node as x/compute does.
func (n *nodes) retire(ctx context.Context, addr sdk.AccAddress) error {
	delete(n.byAddress, addr.String())
	return n.hooks.AfterNodeRetired(ctx, addr)
}

// purse stands in for x/bank and x/auth: balances of uemc by address.
type purse struct {
	held   map[string]math.Int
	supply math.Int
}

func newPurse() *purse { return &purse{held: map[string]math.Int{}, supply: math.ZeroInt()} }

func (p *purse) GetModuleAddress(name string) sdk.AccAddress {
	return authtypes.NewModuleAddress(name)
}

func (p *purse) balance(addr sdk.AccAddress) math.Int {
	if a, ok := p.held[addr.String()]; ok {
		return a
	}
	return math.ZeroInt()
}

func (p *purse) GetBalance(_ context.Context, addr sdk.AccAddress, _ string) sdk.Coin {
	return types.Uemc(p.balance(addr))
}

func (p *purse) MintCoins(_ context.Context, module string, amt sdk.Coins) error {
	addr, amount := p.GetModuleAddress(module), amt.AmountOf(types.Denom)
	p.held[addr.String()] = p.balance(addr).Add(amount)
	p.supply = p.supply.Add(amount)
	return nil
}

func (p *purse) move(from, to sdk.AccAddress, amt sdk.Coins) error {
	amount := amt.AmountOf(types.Denom)
	if p.balance(from).LT(amount) {
		return fmt.Errorf("%s has %s, not %s", from, p.balance(from), amount)
	}
	p.held[from.String()] = p.balance(from).Sub(amount)
	p.held[to.String()] = p.balance(to).Add(amount)
	return nil
}

func (p *purse) SendCoinsFromModuleToAccount(_ context.Context, module string, to sdk.AccAddress, amt sdk.Coins) error {
	return p.move(p.GetModuleAddress(module), to, amt)
}

func (p *purse) SendCoinsFromModuleToModule(_ context.Context, from, to string, amt sdk.Coins) error {
	return p.move(p.GetModuleAddress(from), p.GetModuleAddress(to), amt)
}
