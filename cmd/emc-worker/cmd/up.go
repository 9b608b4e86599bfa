package cmd

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/edgematrix/emc/cmd/internal/owner"
	"github.com/edgematrix/emc/worker/config"
	"github.com/edgematrix/emc/worker/home"
)

func upCmd() *cobra.Command {
	var s *settings
	var o *owner.Key
	var t *owner.Terms
	cmd := &cobra.Command{
		Use: "up", Short: "From nothing to earning: init, doctor, register and start",
		Long: `Do what is still to be done of init, doctor, register and start, and keep running.

With --localnet the operator's key is made in the worker's home, and the network's faucet pays. "ready" is printed
once a job has run end to end on this machine and the chain shows the node online.`,
		Example: `  emc-worker up --localnet ~/.emcd-localnet
  emc-worker up --chain-id emc-1 --rpc http://127.0.0.1:26657 --from alice --keyring-backend file --stake 10emc`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			h, err := homeOf(cmd)
			if err != nil {
				return err
			}
			return up(cmd, h, s, o, t)
		},
	}
	s, o, t = settingsFlags(cmd), owner.KeyFlags(cmd, env), owner.TermFlags(cmd)
	return cmd
}

func up(cmd *cobra.Command, h home.Home, s *settings, o *owner.Key, t *owner.Terms) error {
	ctx, out := cmd.Context(), cmd.OutOrStdout()
	if o.Generate {
		return errors.New("--generate-only goes with register; up needs the transaction in a block to go on")
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
		return fmt.Errorf("a worker serves %s already; `emc-worker status` shows it", h)
	}
	if !examine(ctx, h, environ, lines(out)) {
		return errors.New("the doctor found what is missing; nothing was registered")
	}
	w, err := open(h, environ)
	if err != nil {
		return err
	}
	if err := ensureRegistered(cmd, w, s, o, t); err != nil {
		return err
	}
	return serve(ctx, w, out)
}

// prepareHome makes what is missing. The endpoint of a local network is taken
// from the network itself each time, since it may listen elsewhere today.
func prepareHome(h home.Home, s *settings) (environ []string, err error) {
	environ = os.Environ()
	if _, err := os.Stat(h.Config()); err == nil {
		have, err := config.Load(h.Config(), environ)
		if err != nil {
			return nil, err
		}
		if s.localnet != "" {
			n, err := owner.ReadLocalnet(s.localnet)
			if err != nil {
				return nil, err
			}
			if n.ChainID != have.Chain.ID {
				return nil, fmt.Errorf("this worker is for chain %s, the network in %s is %s; give another --home", have.Chain.ID, s.localnet, n.ChainID)
			}
			environ = append(environ, config.EnvPrefix+"CHAIN_RPC="+n.RPC)
		}
		if err := s.conflicts(have); err != nil {
			return nil, err
		}
	} else {
		if err := s.finish(); err != nil {
			return nil, err
		}
		if _, err := initialise(h, s.config); err != nil {
			return nil, err
		}
	}
	_, err = ensureKey(h)
	return environ, err
}

func ensureRegistered(cmd *cobra.Command, w *worker, s *settings, o *owner.Key, t *owner.Terms) error {
	ctx := cmd.Context()
	if s.localnet != "" && o.From == "" {
		if err := o.Local(string(w.home), cmd.InOrStdin(), w.chain.Codec); err != nil {
			return err
		}
	}
	if o.From == "" {
		// With the key elsewhere, a registration that is there is good enough.
		if _, err := w.chain.Node(ctx, w.identity.Address()); err == nil {
			return nil
		}
	}
	address, signer, err := o.Signer(string(w.home), cmd.InOrStdin(), w.chain.Codec)
	if err != nil {
		return err
	}
	if s.localnet != "" {
		if err := owner.Fund(ctx, cmd.OutOrStdout(), w.chain, w.identity.Address(), s.localnet, address, t); err != nil {
			return err
		}
	}
	msgs, err := registration(ctx, w, address, t)
	if err != nil {
		return err
	}
	if len(msgs) == 0 {
		return nil
	}
	fmt.Fprintf(cmd.OutOrStdout(), "operator  %s\n", address)
	return owner.Send(ctx, cmd.OutOrStdout(), w.chain, signer, msgs)
}
