package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cosmossdk.io/math"

	"github.com/cosmos/cosmos-sdk/crypto/keyring"
	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/amount"
	"github.com/edgematrix/emc/pkg/chainclient"
	"github.com/edgematrix/emc/worker/config"
	"github.com/edgematrix/emc/worker/home"
	"github.com/edgematrix/emc/worker/operator"
	computetypes "github.com/edgematrix/emc/x/compute/types"
)

func upCmd() *cobra.Command {
	var s *settings
	var o *owner
	var t *terms
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
	s, o, t = settingsFlags(cmd), ownerFlags(cmd), termFlags(cmd)
	return cmd
}

func up(cmd *cobra.Command, h home.Home, s *settings, o *owner, t *terms) error {
	ctx, out := cmd.Context(), cmd.OutOrStdout()
	if o.generate {
		return errors.New("--generate-only goes with register; up needs the transaction in a block to go on")
	}
	if _, _, err := t.coins(); err != nil {
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
			n, err := readLocalnet(s.localnet)
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

// localOperator names the operator's key on a local network.
const localOperator = "operator"

func ensureRegistered(cmd *cobra.Command, w *worker, s *settings, o *owner, t *terms) error {
	ctx := cmd.Context()
	if s.localnet != "" && o.from == "" {
		o.from, o.backend, o.dir = localOperator, keyring.BackendTest, string(w.home)
		ring, err := operator.OpenKeyring(o.backend, o.dir, cmd.InOrStdin(), w.chain.Codec)
		if err != nil {
			return err
		}
		if err := operator.EnsureKey(ring, o.from); err != nil {
			return err
		}
	}
	if o.from == "" {
		// With the key elsewhere, a registration that is there is good enough.
		if _, err := w.chain.Node(ctx, w.identity.Address()); err == nil {
			return nil
		}
	}
	address, signer, err := o.signer(w, cmd.InOrStdin())
	if err != nil {
		return err
	}
	if s.localnet != "" {
		if err := fund(ctx, cmd.OutOrStdout(), w, s.localnet, address, t); err != nil {
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
	return sendAsOwner(ctx, cmd.OutOrStdout(), w, signer, msgs)
}

// pocket is what an operator on a local network should have beside the stake.
const pocket = 20_000_000

// fund asks a local network's faucet for what the operator lacks.
func fund(ctx context.Context, out io.Writer, w *worker, localnetHome string, address sdk.AccAddress, t *terms) error {
	stake, _, err := t.coins()
	if err != nil {
		return err
	}
	balance, err := w.chain.Balance(ctx, address.String())
	if err != nil {
		return err
	}
	want := computetypes.Uemc(stake.Amount.Add(math.NewInt(pocket)))
	if _, err := w.chain.Node(ctx, w.identity.Address()); err == nil {
		want = computetypes.Uemc(math.NewInt(pocket / 10)) // registered: fees are all it needs
	} else if !errors.Is(err, chainclient.ErrNotFound) {
		return err
	}
	if balance.Amount.GTE(want.Amount) {
		return nil
	}
	n, err := readLocalnet(localnetHome)
	if err != nil {
		return err
	}
	if n.Faucet == "" {
		return fmt.Errorf("the local network has no faucet; send %s at least %s", address, amount.Format(want))
	}
	fmt.Fprintf(out, "faucet    asked for %s for operator %s\n", amount.Format(want), address)
	return askFaucet(ctx, n.Faucet, address.String(), want)
}

func askFaucet(ctx context.Context, url, address string, coin sdk.Coin) error {
	body, err := json.Marshal(map[string]any{"address": address, "coins": []string{coin.String()}})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
		if err != nil {
			return err
		}
		request.Header.Set("Content-Type", "application/json")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return fmt.Errorf("the faucet at %s does not answer: %w", url, err)
		}
		words, err := io.ReadAll(io.LimitReader(response.Body, 4<<10))
		response.Body.Close()
		if err == nil && response.StatusCode == http.StatusOK {
			return nil
		}
		if response.StatusCode != http.StatusTooManyRequests && response.StatusCode != http.StatusServiceUnavailable {
			return fmt.Errorf("the faucet at %s refused (%s): %s", url, response.Status, strings.TrimSpace(string(words)))
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the faucet at %s is busy: %s", url, strings.TrimSpace(string(words)))
		case <-time.After(2 * time.Second):
		}
	}
}
