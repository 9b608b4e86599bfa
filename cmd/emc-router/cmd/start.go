package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/cmd/internal/owner"
	"github.com/edgematrix/emc/pkg/chainclient"
	"github.com/edgematrix/emc/router/config"
	"github.com/edgematrix/emc/router/daemon"
	"github.com/edgematrix/emc/router/home"
)

func startCmd() *cobra.Command {
	return &cobra.Command{
		Use: "start", Short: "Run the router",
		Long: `Run the router until it is told to stop by SIGTERM or Ctrl-C. No operator key is needed on this machine.

It may be killed at any moment: what it vouches for is written down before it is signed. Never restore its home
from a copy: a router that forgot what it signed pays for it with its stake.`,
		Example: "  emc-router start\n  emc-router start --home /var/lib/emc-router",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := load(cmd)
			if err != nil {
				return err
			}
			return serve(cmd.Context(), r, cmd.OutOrStdout())
		},
	}
}

func serve(ctx context.Context, r *router, out io.Writer) error {
	return daemon.Run(ctx, daemon.Options{
		Home: r.home, Config: r.config, Identity: r.identity, Chain: r.chain, Logger: r.log,
		Ready: func(url string) {
			fmt.Fprintf(out, "ready     router %s on chain %s, base URL %s\n", r.identity.Address(), r.config.Chain.ID, url)
		},
	})
}

// localCover is what `up` reserves for each node on a local network where nothing else is said.
const localCover = "10emc"

func upCmd() *cobra.Command {
	var s *settings
	var k *owner.Key
	var t *owner.Terms
	var cover string
	cmd := &cobra.Command{
		Use: "up", Short: "From nothing to serving: init, register and start",
		Long: `Do what is still to be done of init, register and start, and keep running.

With --localnet the operator's key is made in the router's home, the network's faucet pays the stake, and every node
that is heard gets cover.`,
		Example: "  emc-router up --localnet ~/.emcd-localnet\n  emc-router up --chain-id emc-1 --rpc http://127.0.0.1:26657 --from alice --keyring-backend file --stake 1000emc",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			h, err := homeOf(cmd)
			if err != nil {
				return err
			}
			return up(cmd, h, s, k, t, cover)
		},
	}
	s, k, t = settingsFlags(cmd), owner.KeyFlags(cmd, env), owner.TermFlags(cmd)
	cmd.Flags().StringVar(&cover, "cover", localCover, "what each node gets on a local network")
	return cmd
}

func up(cmd *cobra.Command, h home.Home, s *settings, k *owner.Key, t *owner.Terms, cover string) error {
	ctx, out := cmd.Context(), cmd.OutOrStdout()
	if k.Generate {
		return errors.New("--generate-only goes with register; up needs the transaction in a block to go on")
	}
	if s.localnet != "" && t.Stake == "" {
		t.Stake = "100emc"
	}
	if _, _, err := t.Coins(); err != nil {
		return err
	}
	environ, err := prepareHome(h, s)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "home      %s\n", h)
	if h.Running() {
		return fmt.Errorf("a router serves %s already; `emc-router status` shows it", h)
	}
	r, err := open(h, environ)
	if err != nil {
		return err
	}
	address, signer, err := ensureRegistered(cmd, r, s, k, t)
	if err != nil {
		return err
	}
	if s.localnet == "" || signer == nil {
		return serve(ctx, r, out)
	}
	done := make(chan struct{})
	ctx, cancel := context.WithCancel(ctx)
	go func() { defer close(done); coverAll(ctx, r, address, signer, cover) }()
	err = serve(ctx, r, out)
	cancel()
	<-done
	return err
}

// prepareHome makes what is missing, and returns the environment with which the settings are read.
func prepareHome(h home.Home, s *settings) ([]string, error) {
	environ := os.Environ()
	if _, err := os.Stat(h.Config()); err != nil {
		if err := s.finish(); err != nil {
			return nil, err
		}
		_, err := initialise(h, s.config)
		return environ, err
	}
	if s.localnet == "" {
		return environ, nil
	}
	n, err := owner.ReadLocalnet(s.localnet)
	if err != nil {
		return nil, err
	}
	have, err := config.Load(h.Config(), environ)
	if err != nil {
		return nil, err
	}
	if n.ChainID != have.Chain.ID {
		return nil, fmt.Errorf("this router is for chain %s, the network in %s is %s; give another --home", have.Chain.ID, s.localnet, n.ChainID)
	}
	return append(environ, config.EnvPrefix+"CHAIN_RPC="+n.RPC), nil
}

func ensureRegistered(cmd *cobra.Command, r *router, s *settings, k *owner.Key, t *owner.Terms) (sdk.AccAddress, chainclient.Signer, error) {
	ctx, out := cmd.Context(), cmd.OutOrStdout()
	if s.localnet != "" && k.From == "" {
		if err := k.Local(string(r.home), cmd.InOrStdin(), r.chain.Codec); err != nil {
			return nil, nil, err
		}
	}
	if k.From == "" {
		// With the key elsewhere, a registration that is there is good enough.
		if _, err := r.chain.Node(ctx, r.identity.Address()); err == nil {
			return nil, nil, nil
		}
	}
	address, signer, err := k.Signer(string(r.home), cmd.InOrStdin(), r.chain.Codec)
	if err != nil {
		return nil, nil, err
	}
	if s.localnet != "" {
		if err := owner.Fund(ctx, out, r.chain, r.identity.Address(), s.localnet, address, t); err != nil {
			return nil, nil, err
		}
	}
	msgs, err := registration(ctx, r, address, t)
	if err != nil || len(msgs) == 0 {
		return address, signer, err
	}
	fmt.Fprintf(out, "operator  %s\n", address)
	return address, signer, owner.Send(ctx, out, r.chain, signer, msgs)
}
