package cmd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/cosmos/cosmos-sdk/client"
	"github.com/cosmos/cosmos-sdk/client/flags"
	"github.com/cosmos/cosmos-sdk/client/tx"
	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/x/feegrant"

	"github.com/edgematrix/emc/app/params"
	"github.com/edgematrix/emc/pkg/amount"
	"github.com/edgematrix/emc/pkg/chainclient"
	"github.com/edgematrix/emc/pkg/probe"
	"github.com/edgematrix/emc/pkg/prober"
	"github.com/edgematrix/emc/pkg/transfer"
	poctypes "github.com/edgematrix/emc/x/poc/types"
)

// proberCmd holds what a validator does about probes.
func proberCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use: "prober", Short: "Probe nodes and routers for a validator, and report what answered",
		Long: `Validators ask drawn nodes and routers, about once an hour, whether they are where they say, and report the results. Who
does not answer two thirds of them is offline; routers are paid for being there.

This runs beside the node, with a hot key of its own that can do nothing but report: it talks to strangers.`,
		RunE: client.ValidateCmd,
	}
	cmd.AddCommand(proberStartCmd(), proberSetCmd(), proberRevokeCmd())
	return cmd
}

func proberSetCmd() *cobra.Command {
	var feeCap string
	cmd := &cobra.Command{
		Use: "set ADDRESS", Short: "Authorise the hot key that reports the validator's probes, and pay its fees",
		Long: `Authorise a key to report the validator's probes in place of the one before it, and let it spend up to a cap a day of the
validator's money on the fees of these reports, and of nothing else.`,
		Example: "  emcd keys add prober\n  emcd prober set $(emcd keys show prober --address) --from validator", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			clientCtx, err := client.GetClientTxContext(cmd)
			if err != nil {
				return err
			}
			most, err := amount.ParseCoin(feeCap)
			if err != nil {
				return fmt.Errorf("--fee-cap: %w", err)
			}
			hot, err := sdk.AccAddressFromBech32(args[0])
			if err != nil {
				return fmt.Errorf("ADDRESS: %w", err)
			}
			msgs, err := proberMessages(cmd.Context(), clientCtx, hot, most)
			if err != nil {
				return err
			}
			return tx.GenerateOrBroadcastTxCLI(clientCtx, cmd.Flags(), msgs...)
		},
	}
	cmd.Flags().StringVar(&feeCap, "fee-cap", "1emc", "most that reports may cost a day")
	flags.AddTxFlagsToCmd(cmd)
	return cmd
}

// proberMessages authorise a hot key, and take what the one before it had.
func proberMessages(ctx context.Context, clientCtx client.Context, hot sdk.AccAddress, most sdk.Coin) ([]sdk.Msg, error) {
	owner := clientCtx.GetFromAddress()
	validator := sdk.ValAddress(owner).String()
	set := &poctypes.MsgSetProber{Validator: validator, Prober: hot.String()}
	if _, err := set.Validate(); err != nil {
		return nil, err
	}
	msgs := []sdk.Msg{set}
	grantees := []string{hot.String()} // the chain takes no second grant beside one
	if before, err := currentProber(ctx, clientCtx, validator); err != nil {
		return nil, err
	} else if before != "" && before != hot.String() {
		grantees = append(grantees, before)
	}
	for _, grantee := range grantees {
		revoke, err := revocation(ctx, clientCtx, grantee)
		if err != nil {
			return nil, err
		}
		msgs = append(msgs, revoke...)
	}
	allowed, err := feegrant.NewAllowedMsgAllowance(&feegrant.PeriodicAllowance{
		Period: 24 * time.Hour, PeriodSpendLimit: sdk.NewCoins(most), PeriodCanSpend: sdk.NewCoins(most),
	}, poctypes.ProberMessages())
	if err != nil {
		return nil, err
	}
	grant, err := feegrant.NewMsgGrantAllowance(allowed, owner, hot)
	if err != nil {
		return nil, err
	}
	return append(msgs, grant), nil
}

func currentProber(ctx context.Context, clientCtx client.Context, validator string) (string, error) {
	r, err := poctypes.NewQueryClient(clientCtx).Probes(ctx, &poctypes.QueryProbesRequest{Validator: validator})
	if err != nil {
		return "", err
	}
	return r.Prober, nil
}

// revocation takes a fee grant back, where there is one.
func revocation(ctx context.Context, clientCtx client.Context, grantee string) ([]sdk.Msg, error) {
	owner := clientCtx.GetFromAddress()
	list, err := feegrant.NewQueryClient(clientCtx).Allowances(ctx, &feegrant.QueryAllowancesRequest{Grantee: grantee})
	if err != nil {
		return nil, err
	}
	for _, g := range list.Allowances {
		if g.Granter == owner.String() {
			to, err := sdk.AccAddressFromBech32(grantee)
			revoke := feegrant.NewMsgRevokeAllowance(owner, to)
			return []sdk.Msg{&revoke}, err
		}
	}
	return nil, nil
}

func proberRevokeCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use: "revoke", Short: "Take back the hot key that reports the validator's probes, and its fees",
		Example: "  emcd prober revoke --from validator", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			clientCtx, err := client.GetClientTxContext(cmd)
			if err != nil {
				return err
			}
			validator := sdk.ValAddress(clientCtx.GetFromAddress()).String()
			before, err := currentProber(cmd.Context(), clientCtx, validator)
			if err != nil {
				return err
			}
			if before == "" {
				return fmt.Errorf("%s has no prober", validator)
			}
			msgs, err := revocation(cmd.Context(), clientCtx, before)
			if err != nil {
				return err
			}
			return tx.GenerateOrBroadcastTxCLI(clientCtx, cmd.Flags(), append([]sdk.Msg{&poctypes.MsgSetProber{Validator: validator}}, msgs...)...)
		},
	}
	flags.AddTxFlagsToCmd(cmd)
	return cmd
}

// proberOrder is what `prober start` was told.
type proberOrder struct {
	validator string
	gasPrices string
	timeout   time.Duration
	again     time.Duration
	atOnce    int
	private   bool
	payself   bool
}

func proberStartCmd() *cobra.Command {
	var o proberOrder
	cmd := &cobra.Command{
		Use: "start", Short: "Probe what is drawn in each epoch, and report it, until it is told to stop",
		Long: `Ask the chain what is drawn, probe each node and router at a random moment of the epoch, and report all results in one
transaction, whose fee the validator pays by the grant that "emcd prober set" makes. If nobody at all answers, nothing is reported.`,
		Example: "  emcd prober start --validator emcvaloper1… --from prober", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			return o.run(ctx, cmd)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.validator, "validator", "", "the validator for whom is probed, emcvaloper1… (required)")
	f.DurationVar(&o.timeout, "timeout", 10*time.Second, "how long a node may take to answer; each is asked twice")
	f.DurationVar(&o.again, "again", 5*time.Second, "pause before a node is asked for the second time")
	f.IntVar(&o.atOnce, "at-once", 16, "how many probes run at a time")
	f.BoolVar(&o.private, "allow-private", false, "dial private and loopback addresses, too: for networks on one machine or in one house")
	f.BoolVar(&o.payself, "pay-fees", false, "the hot key pays the fees itself, not the validator by a grant")
	f.String(flags.FlagFrom, "", "name of the hot key (required)")
	f.StringVar(&o.gasPrices, flags.FlagGasPrices, params.MinGasPrice, "price of gas")
	flags.AddKeyringFlags(f)
	addJobConnection(cmd)
	for _, name := range []string{"validator", flags.FlagFrom} {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic(err)
		}
	}
	return cmd
}

func (o *proberOrder) run(ctx context.Context, cmd *cobra.Command) error {
	validator, err := sdk.ValAddressFromBech32(o.validator)
	if err != nil {
		return fmt.Errorf("--validator: %w", err)
	}
	prices, err := amount.ParsePrices(o.gasPrices)
	if err != nil {
		return fmt.Errorf("--gas-prices: %w", err)
	}
	if o.timeout <= 0 || o.again < 0 || o.atOnce < 1 {
		return errors.New("--timeout, --again and --at-once must be positive")
	}
	clientCtx, err := client.ReadPersistentCommandFlags(client.GetClientContextFromCmd(cmd), cmd.Flags())
	if err != nil {
		return err
	}
	if clientCtx, err = identifyChain(ctx, clientCtx); err != nil {
		return err
	}
	from, err := cmd.Flags().GetString(flags.FlagFrom)
	if err != nil {
		return err
	}
	signer, err := chainclient.NewKeyringSigner(clientCtx.Keyring, from)
	if err != nil {
		return err
	}
	logger := slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil))
	chain, err := chainclient.New(chainclient.Config{RPC: clientCtx.NodeURI, ChainID: clientCtx.ChainID, GasPrices: prices, Logger: logger})
	if err != nil {
		return err
	}
	onChain := prober.OnChain{Client: chain, Signer: signer}
	if !o.payself {
		onChain.Granter = sdk.AccAddress(validator)
	}
	p, err := prober.New(prober.Config{
		Chain: onChain, Validator: o.validator, Prober: chainclient.Address(signer).String(), AtOnce: o.atOnce, Again: o.again,
		NewAsker: func(ctx context.Context) (prober.Asker, error) {
			return prober.NewLibp2p(ctx, probe.Client{ChainID: clientCtx.ChainID, Timeout: o.timeout, Private: o.private}, func(key transfer.PubKey) (transfer.Introduction, error) {
				p, err := transfer.NewProber(clientCtx.ChainID, o.validator, key, signer.PubKey().Bytes(), signer.Sign)
				return transfer.Introduction{Prober: p}, err
			})
		},
		Rand: rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())), Logger: logger,
	})
	if err != nil {
		return err
	}
	logger.Info("prober started", "validator", o.validator, "prober", chainclient.Address(signer).String(), "chain", clientCtx.ChainID, "rpc", clientCtx.NodeURI)
	return p.Run(ctx)
}
