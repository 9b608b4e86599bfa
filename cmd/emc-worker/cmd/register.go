package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"cosmossdk.io/math"

	"github.com/cosmos/cosmos-sdk/crypto/keyring"
	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/amount"
	"github.com/edgematrix/emc/pkg/chainclient"
	"github.com/edgematrix/emc/worker/config"
	"github.com/edgematrix/emc/worker/hardware"
	"github.com/edgematrix/emc/worker/operator"
	computetypes "github.com/edgematrix/emc/x/compute/types"
)

// owner is how a command gets at the operator's key, or only its address.
type owner struct {
	from, backend, dir string
	address            string
	generate           bool
}

func ownerFlags(cmd *cobra.Command) *owner {
	o := &owner{}
	f := cmd.Flags()
	f.StringVar(&o.from, "from", env("FROM", ""), "name of the operator's key in the keyring")
	f.StringVar(&o.backend, "keyring-backend", env("KEYRING_BACKEND", keyring.BackendOS), "test, file or os")
	f.StringVar(&o.dir, "keyring-home", env("KEYRING_HOME", defaultKeyring()), "directory of the keyring: emcd's home")
	f.StringVar(&o.address, "operator", "", "the operator's address, with --generate-only")
	f.BoolVar(&o.generate, "generate-only", false, "print the unsigned transaction for a wallet or Ledger")
	return o
}

func defaultKeyring() string {
	dir, err := os.UserHomeDir()
	if err != nil {
		return ".emcd"
	}
	return filepath.Join(dir, ".emcd")
}

// signer opens the keyring; with --generate-only and --operator no key is
// needed at all.
func (o *owner) signer(w *worker, in io.Reader) (sdk.AccAddress, chainclient.Signer, error) {
	if o.address != "" {
		if !o.generate {
			return nil, nil, errors.New("--operator goes with --generate-only; to sign here, name a key with --from")
		}
		address, err := sdk.AccAddressFromBech32(o.address)
		if err != nil {
			return nil, nil, fmt.Errorf("--operator %q is not an address: %w", o.address, err)
		}
		return address, nil, nil
	}
	if o.from == "" && operator.HasKey(string(w.home), localOperator) {
		o.from, o.backend, o.dir = localOperator, keyring.BackendTest, string(w.home)
	}
	if o.from == "" {
		return nil, nil, errors.New("whose node is it? Name the operator's key with --from, or give --operator ADDRESS --generate-only and sign elsewhere")
	}
	ring, err := operator.OpenKeyring(o.backend, o.dir, in, w.chain.Codec)
	if err != nil {
		return nil, nil, err
	}
	s, err := chainclient.NewKeyringSigner(ring, o.from)
	if err != nil {
		return nil, nil, err
	}
	return chainclient.Address(s), s, nil
}

// terms are what a registration adds to the settings.
type terms struct{ stake, cap string }

func termFlags(cmd *cobra.Command) *terms {
	t := &terms{}
	cmd.Flags().StringVar(&t.stake, "stake", "", "stake that the node should have at least, such as 10emc")
	cmd.Flags().StringVar(&t.cap, "fee-cap", "5emc", "what the worker may spend on fees in a day")
	return t
}

func (t *terms) coins() (stake, feeCap sdk.Coin, err error) {
	stake = computetypes.Uemc(math.ZeroInt())
	if t.stake != "" {
		if stake, err = amount.ParseCoin(t.stake); err != nil {
			return stake, feeCap, fmt.Errorf("--stake: %w", err)
		}
	}
	if feeCap, err = amount.ParseCoin(t.cap); err != nil {
		return stake, feeCap, fmt.Errorf("--fee-cap: %w", err)
	}
	return stake, feeCap, nil
}

func registerCmd() *cobra.Command {
	var o *owner
	var t *terms
	cmd := &cobra.Command{
		Use: "register", Short: "Register the node, or bring its registration up to date",
		Long: `Send the operator's transaction that makes this node part of the network: the registration (with the node
key's own signature), a fee grant with which the worker pays for its own messages and nothing else, and the stake.
What is true already is left out, so that the command can be repeated, also after a change of the settings.

The operator's key is used for a moment and stays where it is. With --generate-only it need not be on this machine.`,
		Example: `  emc-worker register --from alice --keyring-backend test --keyring-home ~/.emcd-localnet
  emc-worker register --operator emc1… --stake 10emc --generate-only > register.json
  emcd tx sign register.json --from ledger --chain-id emc-1 --sign-mode amino-json > signed.json && emcd tx broadcast signed.json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			w, err := load(cmd)
			if err != nil {
				return err
			}
			address, signer, err := o.signer(w, cmd.InOrStdin())
			if err != nil {
				return err
			}
			msgs, err := registration(cmd.Context(), w, address, t)
			if err != nil {
				return err
			}
			if len(msgs) == 0 {
				fmt.Fprintf(cmd.ErrOrStderr(), "node %s is registered as the settings say; there is nothing to do\n", w.identity.Address())
				return nil
			}
			if o.generate {
				return printUnsigned(cmd, w, msgs, address)
			}
			return sendAsOwner(cmd.Context(), cmd.OutOrStdout(), w, signer, msgs)
		},
	}
	o, t = ownerFlags(cmd), termFlags(cmd)
	return cmd
}

// registration compares the chain with the settings.
func registration(ctx context.Context, w *worker, owner sdk.AccAddress, t *terms) ([]sdk.Msg, error) {
	stake, feeCap, err := t.coins()
	if err != nil {
		return nil, err
	}
	if _, err := w.chain.CheckChain(ctx); err != nil {
		return nil, err
	}
	hw, err := hardware.Host{Dir: string(w.home)}.Hardware(ctx)
	if err != nil {
		return nil, err
	}
	measured := config.Measured{Hardware: hw, Egress: w.config.Docker.Egress && w.config.UsesDocker()}
	if measured.Isolation, err = isolation(ctx, w); err != nil {
		return nil, err
	}
	offer, err := w.config.Offer.Chain(measured)
	if err != nil {
		return nil, err
	}
	var now operator.Present
	switch n, err := w.chain.Node(ctx, w.identity.Address()); {
	case err == nil:
		now.Node = &n.Node
	case !errors.Is(err, chainclient.ErrNotFound):
		return nil, err
	}
	switch grant, err := w.chain.Allowance(ctx, owner.String(), w.identity.Address()); {
	case err == nil:
		now.Granted, now.Covers = true, operator.Covers(grant)
	case !errors.Is(err, chainclient.ErrNotFound):
		return nil, err
	}
	return operator.Registration{
		ChainID: w.config.Chain.ID, Node: w.identity, Operator: owner, Offer: offer, FeeCap: feeCap, Stake: stake,
	}.Messages(now)
}

func sendAsOwner(ctx context.Context, out io.Writer, w *worker, s chainclient.Signer, msgs []sdk.Msg) error {
	for _, m := range msgs {
		fmt.Fprintf(out, "sending   %s\n", sdk.MsgTypeURL(m))
	}
	in, err := w.chain.Send(ctx, chainclient.Draft{Messages: msgs}, s)
	if err != nil {
		return fmt.Errorf("the operator's transaction: %w", err)
	}
	fmt.Fprintf(out, "in block  %d\nhash      %s\n", in.Height, in.Hash)
	return nil
}

// gasEach is a generous estimate for one message of the operator; a wallet
// simulates by itself.
const gasEach = 150_000

func printUnsigned(cmd *cobra.Command, w *worker, msgs []sdk.Msg, owner sdk.AccAddress) error {
	d := w.chain.WithGas(chainclient.Draft{Messages: msgs}, uint64(len(msgs))*gasEach)
	data, err := w.chain.JSON(d)
	if err != nil {
		return err
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "to be signed by %s\n", owner)
	fmt.Fprintln(cmd.OutOrStdout(), string(data))
	return nil
}
