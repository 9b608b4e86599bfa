// Package operator makes the transactions of a node's owner, be it a worker or a
// router: registration with the fee grant and the stake, and retirement. The
// daemon itself never needs the owner's key: these are signed by a keyring for a
// moment, or printed for a wallet or Ledger.
package operator

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/x/feegrant"

	"github.com/edgematrix/emc/pkg/identity"
	computetypes "github.com/edgematrix/emc/x/compute/types"
	markettypes "github.com/edgematrix/emc/x/market/types"
	poctypes "github.com/edgematrix/emc/x/poc/types"
)

// FeePeriod is how often the cap of the fee grant begins anew.
const FeePeriod = 24 * time.Hour

// Registration is what an owner wants to be true of a node.
type Registration struct {
	ChainID  string
	Node     identity.Identity
	Role     computetypes.Role
	Operator sdk.AccAddress
	Offer    computetypes.Offer
	// FeeCap is what the node may spend on fees in one FeePeriod.
	FeeCap sdk.Coin
	// Stake is what the node should have at least; zero for none.
	Stake sdk.Coin
}

// Present is what is true already.
type Present struct {
	// Node is nil before the registration.
	Node *computetypes.Node
	// Granted is set when the fee grant is there, and Covers when it is one for
	// all messages that such a node sends today.
	Granted, Covers bool
}

// ErrForeign says that somebody else has registered the node's key.
var ErrForeign = errors.New("the node belongs to another operator")

// Messages are what is left to do: none when all of it is true already.
func (r Registration) Messages(now Present) ([]sdk.Msg, error) {
	var out []sdk.Msg
	operator, node := r.Operator.String(), r.Node.Address()
	missing := r.Stake
	switch {
	case now.Node == nil:
		signature, err := r.Node.SignRegistration(r.ChainID, r.Operator)
		if err != nil {
			return nil, err
		}
		m := &computetypes.MsgRegisterNode{
			Operator: operator, Pubkey: r.Node.PubKey(), KeySignature: signature,
			Role: r.Role, Offer: r.Offer,
		}
		if err := m.Validate(); err != nil {
			return nil, err
		}
		out = append(out, m)
	case now.Node.Operator != operator:
		return nil, fmt.Errorf("%w: %s is registered by %s, not by %s", ErrForeign, node, now.Node.Operator, operator)
	case now.Node.Retiring:
		return nil, fmt.Errorf("node %s is retiring; wait until it has left, then register it again", node)
	default:
		if !sameOffer(now.Node.Offer, r.Offer) {
			out = append(out, &computetypes.MsgUpdateNode{Operator: operator, Node: node, Offer: r.Offer})
		}
		missing.Amount = missing.Amount.Sub(now.Node.Stake)
	}
	if !now.Granted || !now.Covers {
		grant, err := r.grant()
		if err != nil {
			return nil, err
		}
		if now.Granted { // the chain takes no second one beside it
			revoke := feegrant.NewMsgRevokeAllowance(r.Operator, sdk.AccAddress(r.Node.Signer().PubKey().Address()))
			out = append(out, &revoke)
		}
		out = append(out, grant)
	}
	if missing.Amount.IsPositive() {
		out = append(out, &computetypes.MsgStake{Operator: operator, Node: node, Amount: missing})
	}
	return out, nil
}

// Messages are all that a node of a role sends: the fee grant is limited to them.
func Messages(role computetypes.Role) []string {
	if role == computetypes.ROLE_ROUTER {
		return slices.Concat(computetypes.RouterMessages(), markettypes.RouterMessages())
	}
	return slices.Concat(computetypes.WorkerMessages(), poctypes.WorkerMessages(), markettypes.WorkerMessages())
}

// Covers tells whether a fee grant pays for every message that a node of a role
// sends: one of an older version may know fewer.
func Covers(role computetypes.Role, allowance feegrant.FeeAllowanceI) bool {
	limited, ok := allowance.(*feegrant.AllowedMsgAllowance)
	if !ok {
		return true // it pays for anything
	}
	for _, m := range Messages(role) {
		if !slices.Contains(limited.AllowedMessages, m) {
			return false
		}
	}
	return true
}

// grant lets the node pay for its own messages and nothing else, up to a cap a
// day: a stolen node key cannot drain the operator.
func (r Registration) grant() (sdk.Msg, error) {
	periodic := &feegrant.PeriodicAllowance{
		Period: FeePeriod, PeriodSpendLimit: sdk.NewCoins(r.FeeCap), PeriodCanSpend: sdk.NewCoins(r.FeeCap),
	}
	if err := periodic.ValidateBasic(); err != nil {
		return nil, fmt.Errorf("fee cap %s: %w", r.FeeCap, err)
	}
	allowed, err := feegrant.NewAllowedMsgAllowance(periodic, Messages(r.Role))
	if err != nil {
		return nil, err
	}
	node, err := sdk.AccAddressFromBech32(r.Node.Address())
	if err != nil {
		return nil, err
	}
	return feegrant.NewMsgGrantAllowance(allowed, r.Operator, node)
}

// Retirement takes a node out and its fee grant back. Without whenIdle it fails
// while work runs. A node that leaves later still needs its grant, for the
// receipts of its last jobs; the grant is then taken back by a second
// retirement, or expires with the node's need of it.
func Retirement(operator sdk.AccAddress, node string, whenIdle, granted, busy bool) ([]sdk.Msg, error) {
	grantee, err := sdk.AccAddressFromBech32(node)
	if err != nil {
		return nil, fmt.Errorf("node %q is not an address: %w", node, err)
	}
	out := []sdk.Msg{&computetypes.MsgRetireNode{Operator: operator.String(), Node: node, WhenIdle: whenIdle}}
	if granted && (!whenIdle || !busy) {
		revoke := feegrant.NewMsgRevokeAllowance(operator, grantee)
		out = append(out, &revoke)
	}
	return out, nil
}

// Revocation takes the fee grant back from a node that has left.
func Revocation(operator sdk.AccAddress, node string) (sdk.Msg, error) {
	grantee, err := sdk.AccAddressFromBech32(node)
	if err != nil {
		return nil, fmt.Errorf("node %q is not an address: %w", node, err)
	}
	revoke := feegrant.NewMsgRevokeAllowance(operator, grantee)
	return &revoke, nil
}

// sameOffer takes absent and empty lists for the same.
func sameOffer(a, b computetypes.Offer) bool {
	x, errA := a.Marshal()
	y, errB := b.Marshal()
	return errA == nil && errB == nil && reflect.DeepEqual(x, y)
}
