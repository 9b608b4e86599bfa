package cmd

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/edgematrix/emc/cmd/internal/owner"
	"github.com/edgematrix/emc/pkg/identity"
	"github.com/edgematrix/emc/worker/config"
	"github.com/edgematrix/emc/worker/home"
)

// settings are the flags of init and up, written into config.toml.
type settings struct {
	flags    *pflag.FlagSet
	config   config.Config
	localnet string
}

func settingsFlags(cmd *cobra.Command) *settings {
	s := &settings{flags: cmd.Flags(), config: config.Default()}
	f, c := cmd.Flags(), &s.config
	f.StringVar(&c.Chain.ID, "chain-id", "", "the chain that the worker serves")
	f.StringVar(&c.Chain.RPC, "rpc", c.Chain.RPC, "a CometBFT RPC endpoint of the chain")
	f.StringVar(&c.Chain.GasPrices, "gas-prices", c.Chain.GasPrices, "what a unit of gas is paid with")
	f.StringVar(&c.Offer.Price, "price", c.Offer.Price, "price of one slot for one hour")
	f.Uint32Var(&c.Offer.Slots, "slots", c.Offer.Slots, "how many jobs run at once")
	f.StringVar(&c.Offer.Region, "region", "", "ISO 3166 code of the country or its part, such as DE or US-CA")
	f.StringSliceVar(&c.Offer.Apps, "serve", nil, "single apps to serve, separated by commas")
	f.StringSliceVar(&c.Offer.Runtimes, "runtimes", []string{"wasm"}, "runtimes whose every app is served, of wasm and docker (wasm is the default unless --serve is given)")
	f.BoolVar(&c.Docker.Enable, "docker", false, "serve docker apps named by --serve; --runtimes docker serves all of them")
	f.StringVar(&c.Docker.Host, "docker-host", "", "the Engine's socket, such as unix:///var/run/docker.sock (default: DOCKER_HOST, or the Engine's own default)")
	f.BoolVar(&c.Docker.Egress, "egress", false, "give jobs that ask for it a filtered way to the internet, from this machine's address")
	f.StringSliceVar(&c.Network.Listen, "listen", c.Network.Listen, "multiaddresses on which customers are served")
	f.StringSliceVar(&c.Network.Announce, "announce", nil, "multiaddresses to publish instead of those found")
	f.StringVar(&c.Metrics.Address, "metrics", "", "HOST:PORT for Prometheus metrics; empty is none")
	f.StringVar(&c.Log.Format, "log-format", c.Log.Format, "text or json")
	f.StringVar(&c.Log.Level, "log-level", c.Log.Level, "debug, info, warn or error")
	f.StringVar(&s.localnet, "localnet", "", "home of a network started by `emcd localnet start`: takes chain and endpoint from there")
	return s
}

// finish fills in what follows from other flags.
func (s *settings) finish() error {
	if s.flags.Changed("serve") && !s.flags.Changed("runtimes") {
		s.config.Offer.Runtimes = []string{}
	}
	if s.localnet == "" {
		if s.config.Chain.ID == "" {
			return errors.New("which chain? Give --chain-id and --rpc, or --localnet HOME for a local network")
		}
		return s.config.Validate()
	}
	n, err := owner.ReadLocalnet(s.localnet)
	if err != nil {
		return err
	}
	s.config.Chain.ID, s.config.Chain.RPC = n.ChainID, n.RPC
	if !s.flags.Changed("listen") {
		// A port of its own, kept over restarts: customers come back to it.
		port, err := owner.FreePort()
		if err != nil {
			return err
		}
		s.config.Network.Listen = []string{fmt.Sprintf("/ip4/127.0.0.1/tcp/%d", port)}
	}
	return s.config.Validate()
}

// conflicts names the flags that say something else than the settings that
// are there already: they would otherwise be ignored without a word.
func (s *settings) conflicts(have config.Config) error {
	var out []string
	for _, v := range []struct {
		flag      string
		have, now any
	}{
		{"chain-id", have.Chain.ID, s.config.Chain.ID}, {"rpc", have.Chain.RPC, s.config.Chain.RPC},
		{"gas-prices", have.Chain.GasPrices, s.config.Chain.GasPrices}, {"price", have.Offer.Price, s.config.Offer.Price},
		{"slots", have.Offer.Slots, s.config.Offer.Slots}, {"region", have.Offer.Region, s.config.Offer.Region},
		{"serve", have.Offer.Apps, s.config.Offer.Apps}, {"runtimes", have.Offer.Runtimes, s.config.Offer.Runtimes},
		{"docker", have.Docker.Enable, s.config.Docker.Enable}, {"docker-host", have.Docker.Host, s.config.Docker.Host},
		{"egress", have.Docker.Egress, s.config.Docker.Egress},
		{"listen", have.Network.Listen, s.config.Network.Listen}, {"announce", have.Network.Announce, s.config.Network.Announce},
		{"metrics", have.Metrics.Address, s.config.Metrics.Address},
		{"log-format", have.Log.Format, s.config.Log.Format}, {"log-level", have.Log.Level, s.config.Log.Level},
	} {
		if s.flags.Changed(v.flag) && fmt.Sprint(v.have) != fmt.Sprint(v.now) {
			out = append(out, fmt.Sprintf("--%s %v (the settings say %v)", v.flag, v.now, v.have))
		}
	}
	if len(out) > 0 {
		return fmt.Errorf("the worker has settings already, which differ: %s; edit config.toml, or leave these flags away", strings.Join(out, ", "))
	}
	return nil
}

func initCmd() *cobra.Command {
	var s *settings
	cmd := &cobra.Command{
		Use: "init", Short: "Write the settings and make the node's key",
		Long: "Write config.toml and node_key.json into the worker's home. Nothing is overwritten: the key is the node.",
		Example: `  emc-worker init --chain-id emc-1 --rpc http://127.0.0.1:26657 --price 0.36emc --slots 2 --region DE
  emc-worker init --localnet ~/.emcd-localnet`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			h, err := homeOf(cmd)
			if err != nil {
				return err
			}
			if err := s.finish(); err != nil {
				return err
			}
			id, err := initialise(h, s.config)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "settings  %s\nnode key  %s\nnode      %s\n\nNext: emc-worker doctor\n", h.Config(), h.Key(), id.Address())
			return nil
		},
	}
	s = settingsFlags(cmd)
	return cmd
}

// initialise makes what is missing: a key that was imported before is kept.
func initialise(h home.Home, c config.Config) (identity.Identity, error) {
	if err := h.Make(); err != nil {
		return identity.Identity{}, err
	}
	if err := config.Write(h.Config(), c); err != nil {
		return identity.Identity{}, err
	}
	return ensureKey(h)
}

func ensureKey(h home.Home) (identity.Identity, error) {
	if _, err := os.Lstat(h.Key()); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return identity.Load(h.Key())
	}
	id := identity.New()
	return id, id.Create(h.Key())
}
