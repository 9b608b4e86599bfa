package owner

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/amount"
	"github.com/edgematrix/emc/pkg/chainclient"
	"github.com/edgematrix/emc/pkg/identity"
	"github.com/edgematrix/emc/pkg/operator"
	computetypes "github.com/edgematrix/emc/x/compute/types"
)

// Terms are what a registration adds to the settings.
type Terms struct{ Stake, Cap string }

// TermFlags adds the flags.
func TermFlags(cmd *cobra.Command) *Terms {
	t := &Terms{}
	cmd.Flags().StringVar(&t.Stake, "stake", "", "stake that the node should have at least, such as 10emc")
	cmd.Flags().StringVar(&t.Cap, "fee-cap", "5emc", "what the daemon may spend on fees in a day")
	return t
}

// Coins reads the terms.
func (t *Terms) Coins() (stake, feeCap sdk.Coin, err error) {
	stake = computetypes.Uemc(math.ZeroInt())
	if t.Stake != "" {
		if stake, err = amount.ParseCoin(t.Stake); err != nil {
			return stake, feeCap, fmt.Errorf("--stake: %w", err)
		}
	}
	if feeCap, err = amount.ParseCoin(t.Cap); err != nil {
		return stake, feeCap, fmt.Errorf("--fee-cap: %w", err)
	}
	return stake, feeCap, nil
}

// Node is what is to be registered.
type Node struct {
	Identity identity.Identity
	Role     computetypes.Role
	Offer    computetypes.Offer
}

// Registration compares the chain with what is wanted, and returns what is missing.
func Registration(ctx context.Context, chain *chainclient.Client, n Node, owner sdk.AccAddress, t *Terms) ([]sdk.Msg, error) {
	stake, feeCap, err := t.Coins()
	if err != nil {
		return nil, err
	}
	var now operator.Present
	switch have, err := chain.Node(ctx, n.Identity.Address()); {
	case err == nil:
		now.Node = &have.Node
	case !errors.Is(err, chainclient.ErrNotFound):
		return nil, err
	}
	switch grant, err := chain.Allowance(ctx, owner.String(), n.Identity.Address()); {
	case err == nil:
		now.Granted, now.Covers = true, operator.Covers(n.Role, grant)
	case !errors.Is(err, chainclient.ErrNotFound):
		return nil, err
	}
	return operator.Registration{
		ChainID: chain.ChainID(), Node: n.Identity, Role: n.Role, Operator: owner, Offer: n.Offer, FeeCap: feeCap, Stake: stake,
	}.Messages(now)
}

// Retirement takes a node out, or what is left of it: nothing when it has left and has no fee grant.
func Retirement(ctx context.Context, chain *chainclient.Client, node string, owner sdk.AccAddress, whenIdle bool) ([]sdk.Msg, error) {
	if _, err := chain.CheckChain(ctx); err != nil {
		return nil, err
	}
	_, err := chain.Allowance(ctx, owner.String(), node)
	if err != nil && !errors.Is(err, chainclient.ErrNotFound) {
		return nil, err
	}
	granted := err == nil
	view, err := chain.Node(ctx, node)
	if errors.Is(err, chainclient.ErrNotFound) {
		if !granted {
			return nil, nil
		}
		revoke, err := operator.Revocation(owner, node)
		return []sdk.Msg{revoke}, err
	}
	if err != nil {
		return nil, err
	}
	if view.Node.Operator != owner.String() {
		return nil, fmt.Errorf("%w: %s retires it", operator.ErrForeign, view.Node.Operator)
	}
	return operator.Retirement(owner, node, whenIdle, granted, view.Node.ReservedSlots > 0)
}

// Send signs, sends and waits for the block.
func Send(ctx context.Context, out io.Writer, chain *chainclient.Client, s chainclient.Signer, msgs []sdk.Msg) error {
	for _, m := range msgs {
		fmt.Fprintf(out, "sending   %s\n", sdk.MsgTypeURL(m))
	}
	in, err := chain.Send(ctx, chainclient.Draft{Messages: msgs}, s)
	if err != nil {
		return fmt.Errorf("the operator's transaction: %w", err)
	}
	fmt.Fprintf(out, "in block  %d\nhash      %s\n", in.Height, in.Hash)
	return nil
}

// gasEach is a generous estimate for one message of the operator; a wallet
// simulates by itself.
const gasEach = 150_000

// PrintUnsigned prints the transaction for a wallet.
func PrintUnsigned(cmd *cobra.Command, chain *chainclient.Client, msgs []sdk.Msg, owner sdk.AccAddress) error {
	d := chain.WithGas(chainclient.Draft{Messages: msgs}, uint64(len(msgs))*gasEach)
	data, err := chain.JSON(d)
	if err != nil {
		return err
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "to be signed by %s\n", owner)
	fmt.Fprintln(cmd.OutOrStdout(), string(data))
	return nil
}

// SendOrPrint does what the key's flags ask for.
func (k *Key) SendOrPrint(cmd *cobra.Command, chain *chainclient.Client, owner sdk.AccAddress, s chainclient.Signer, msgs []sdk.Msg) error {
	if k.Generate {
		return PrintUnsigned(cmd, chain, msgs, owner)
	}
	return Send(cmd.Context(), cmd.OutOrStdout(), chain, s, msgs)
}
