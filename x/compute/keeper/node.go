package keeper

import (
	"context"
	"errors"

	"cosmossdk.io/collections"
	errorsmod "cosmossdk.io/errors"
	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/x/compute/types"
)

// node loads a node by its bech32 address.
func (k *Keeper) node(ctx context.Context, bech32 string) (sdk.AccAddress, types.Node, error) {
	addr, err := address("node", bech32, types.ErrInvalidNode)
	if err != nil {
		return nil, types.Node{}, err
	}
	node, err := k.Node(ctx, addr)
	return addr, node, err
}

// Node loads a node.
func (k *Keeper) Node(ctx context.Context, addr sdk.AccAddress) (types.Node, error) {
	node, err := k.Nodes.Get(ctx, addr)
	if errors.Is(err, collections.ErrNotFound) {
		return node, errorsmod.Wrapf(types.ErrNodeNotFound, "no node %s is registered", addr)
	}
	return node, err
}

// ownNode loads a node and checks that operator owns it.
func (k *Keeper) ownNode(ctx context.Context, operator, node string) (sdk.AccAddress, types.Node, error) {
	addr, n, err := k.node(ctx, node)
	if err != nil {
		return nil, n, err
	}
	if n.Operator != operator {
		return nil, n, errorsmod.Wrapf(types.ErrNotOperator, "expected %s, got %s", n.Operator, operator)
	}
	return addr, n, nil
}

// setNode writes a node and brings its listing up to date. Every change of a
// node goes through here, so that the index can never be stale.
func (k *Keeper) setNode(ctx context.Context, addr sdk.AccAddress, n types.Node) error {
	params, err := k.Params.Get(ctx)
	if err != nil {
		return err
	}
	return k.writeNode(ctx, params, addr, n, false)
}

// writeNode is setNode for callers that have the parameters; served says that
// a promise of the node just ended.
func (k *Keeper) writeNode(ctx context.Context, params types.Params, addr sdk.AccAddress, n types.Node, served bool) error {
	if err := k.list(ctx, params, addr, &n, served); err != nil {
		return err
	}
	return k.Nodes.Set(ctx, addr, n)
}

// retireIfIdle removes a retiring node once its last promise is over: the
// deposit goes back, the stake unbonds and stays slashable until it is out.
// It reports whether the node is gone.
func (k *Keeper) retireIfIdle(ctx context.Context, addr sdk.AccAddress, n types.Node) (bool, error) {
	if !n.Retiring {
		return false, nil
	}
	live, err := k.hasPromises(ctx, addr)
	if err != nil || live {
		return false, err
	}
	operator, err := address("operator", n.Operator, types.ErrInvalidNode)
	if err != nil {
		return false, err
	}
	if n.Stake.IsPositive() {
		if _, err := k.unbond(ctx, addr, &n, n.Stake); err != nil {
			return false, err
		}
	}
	if err := k.payFrom(ctx, types.NodeDeposit(addr), operator, n.Deposit); err != nil {
		return false, err
	}
	if err := k.sweep(ctx, types.NodeDeposit(addr)); err != nil {
		return false, err
	}
	if err := k.unlist(ctx, addr, n); err != nil {
		return false, err
	}
	if err := k.Nodes.Remove(ctx, addr); err != nil {
		return false, err
	}
	if err := k.NodesByOperator.Remove(ctx, collections.Join(operator, addr)); err != nil {
		return false, err
	}
	if err := k.hooks.AfterNodeRetired(ctx, addr); err != nil {
		return false, err
	}
	return true, emit(ctx, &types.EventNodeRetired{Node: n.Address, Operator: n.Operator})
}

// Outage is how many seconds of the network's clock a node has been out until
// now: jailed, offline, or with less proven power than it promised. It never
// falls while the node exists; what of it fell into a span is the difference.
func (k *Keeper) Outage(ctx context.Context, addr sdk.AccAddress) (uint64, error) {
	n, err := k.Node(ctx, addr)
	if err != nil {
		return 0, err
	}
	params, err := k.Params.Get(ctx)
	if err != nil {
		return 0, err
	}
	clock, err := k.clock(ctx)
	return n.Outage(params, clock, clock.Now(blockTime(ctx))), err
}

// SetPower writes a node's proven power in micro-E. Only x/poc calls it.
func (k *Keeper) SetPower(ctx context.Context, addr sdk.AccAddress, power uint64) error {
	n, err := k.Node(ctx, addr)
	if err != nil {
		return err
	}
	n.Power = power
	if err := k.setNode(ctx, addr, n); err != nil {
		return err
	}
	shortfall := n.ReservedPower - min(n.ReservedPower, power)
	return k.hooks.AfterPowerChanged(ctx, addr, power, shortfall)
}

// Jail takes a node out of the index until its operator unjails it, not before
// until (block time in Unix seconds). Promises that are live go on.
func (k *Keeper) Jail(ctx context.Context, addr sdk.AccAddress, until int64, reason string) error {
	n, err := k.Node(ctx, addr)
	if err != nil {
		return err
	}
	clock, err := k.clock(ctx)
	if err != nil {
		return err
	}
	n.Jailed = true
	n.JailedUntil = max(n.JailedUntil, clock.Now(until))
	if err := k.setNode(ctx, addr, n); err != nil {
		return err
	}
	return emit(ctx, &types.EventNodeJailed{Node: n.Address, Reason: reason, Until: clock.Node(n).JailedUntil})
}

// newNode is a node as it is right after its registration: offline until its
// first report.
func newNode(addr sdk.AccAddress, m *types.MsgRegisterNode, deposit math.Int, at int64) types.Node {
	return types.Node{
		Address: addr.String(), Pubkey: m.Pubkey, Operator: m.Operator, Role: m.Role, Offer: m.Offer,
		Stake: math.ZeroInt(), Deposit: deposit, ReservedStake: math.ZeroInt(), RegisteredAt: at,
	}
}
