package cmd

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/edgematrix/emc/cmd/internal/owner"
	"github.com/edgematrix/emc/pkg/identity"
	"github.com/edgematrix/emc/router/config"
	"github.com/edgematrix/emc/router/home"
)

// settings are the flags that become config.toml.
type settings struct {
	config   config.Config
	localnet string
	flags    *pflag.FlagSet
}

func settingsFlags(cmd *cobra.Command) *settings {
	s := &settings{config: config.Default(), flags: cmd.Flags()}
	c, f := &s.config, cmd.Flags()
	f.StringVar(&s.localnet, "localnet", "", "take chain id and RPC from the home of a local network")
	f.StringVar(&c.Chain.ID, "chain-id", c.Chain.ID, "chain that this router serves")
	f.StringVar(&c.Chain.RPC, "rpc", c.Chain.RPC, "CometBFT RPC endpoint of one of its nodes")
	f.StringVar(&c.Chain.GasPrices, "gas-prices", c.Chain.GasPrices, "what a unit of gas is paid with")
	f.StringSliceVar(&c.Network.Listen, "listen", c.Network.Listen, "multiaddresses at which nodes reach this router")
	f.StringSliceVar(&c.Network.Announce, "announce", c.Network.Announce, "multiaddresses to publish instead")
	f.StringVar(&c.Network.Region, "region", c.Network.Region, "ISO 3166, such as DE or US-CA")
	f.StringVar(&c.Gateway.Listen, "gateway", c.Gateway.Listen, "HOST:PORT at which programs call")
	f.StringSliceVar(&c.Gateway.Origins, "origins", c.Gateway.Origins, "web pages that may call; * is all")
	f.StringVar(&c.Metrics.Address, "metrics", c.Metrics.Address, "HOST:PORT of Prometheus metrics")
	f.StringVar(&c.Log.Level, "log-level", c.Log.Level, "debug, info, warn or error")
	f.StringVar(&c.Log.Format, "log-format", c.Log.Format, "text or json")
	return s
}

// finish completes the settings from a local network.
func (s *settings) finish() error {
	if s.localnet == "" {
		return s.config.Validate()
	}
	n, err := owner.ReadLocalnet(s.localnet)
	if err != nil {
		return err
	}
	s.config.Chain.ID, s.config.Chain.RPC = n.ChainID, n.RPC
	if !s.flags.Changed("listen") {
		port, err := owner.FreePort()
		if err != nil {
			return err
		}
		s.config.Network.Listen = []string{fmt.Sprintf("/ip4/127.0.0.1/tcp/%d", port)}
	}
	return s.config.Validate()
}

func initCmd() *cobra.Command {
	var s *settings
	cmd := &cobra.Command{
		Use: "init", Short: "Write the settings and make the router's key",
		Long: "Write config.toml and node_key.json into the router's home. Nothing is overwritten.",
		Example: `  emc-router init --chain-id emc-1 --rpc http://127.0.0.1:26657 --gateway 0.0.0.0:8080 --region DE
  emc-router init --localnet ~/.emcd-localnet`,
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
			fmt.Fprintf(cmd.OutOrStdout(), "settings  %s\nkey       %s\nrouter    %s\n\nNext: emc-router register\n", h.Config(), h.Key(), id.Address())
			return nil
		},
	}
	s = settingsFlags(cmd)
	return cmd
}

func initialise(h home.Home, c config.Config) (identity.Identity, error) {
	if err := h.Make(); err != nil {
		return identity.Identity{}, err
	}
	if err := config.Write(h.Config(), c); err != nil {
		return identity.Identity{}, err
	}
	if _, err := os.Lstat(h.Key()); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return identity.Load(h.Key())
	}
	id := identity.New()
	return id, id.Create(h.Key())
}
