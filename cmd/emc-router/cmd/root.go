// Package cmd is the emc-router command line.
package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/edgematrix/emc/pkg/chainclient"
	"github.com/edgematrix/emc/pkg/identity"
	"github.com/edgematrix/emc/router/config"
	"github.com/edgematrix/emc/router/home"
)

// Execute runs the command line and returns the exit status.
func Execute() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := New().ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	var quiet quietError
	if !errors.As(err, &quiet) {
		fmt.Fprintln(os.Stderr, "Error:", err)
	}
	return 1
}

// quietError ends a command whose words have been printed already.
type quietError struct{ error }

// New returns the root command.
func New() *cobra.Command {
	root := &cobra.Command{
		Use:   "emc-router",
		Short: "Bring programs' calls to the nodes of the EMC network",
		Long: `emc-router is an OpenAI-compatible gateway to the nodes of an EMC chain: it chooses the node that will be done first,
makes the call, and signs for what it costs, with its own stake behind it.

  emc-router up --localnet ~/.emcd-localnet      everything at once, on a local network

On a real network, the operator's key stays away from the router:

  emc-router init --chain-id emc-1 --rpc https://rpc.example.org:443
  emc-router register --operator emc1… --stake 1000emc --generate-only > register.json   sign and send it with a wallet or Ledger
  emc-router doctor
  emc-router start
  emc-router cover emc1… 100emc --from alice       for each node that shall trust its vouchers`,
		SilenceUsage: true, SilenceErrors: true,
	}
	root.PersistentFlags().String("home", defaultHome(), "the router's directory (environment: EMC_ROUTER_HOME)")
	root.AddCommand(initCmd(), doctorCmd(), registerCmd(), coverCmd(), startCmd(), upCmd(), statusCmd(), benchCmd(), gatewayCmd(), retireCmd(), versionCmd())
	return root
}

func defaultHome() string {
	if dir := os.Getenv(config.EnvPrefix + "HOME"); dir != "" {
		return dir
	}
	dir, err := os.UserHomeDir()
	if err != nil {
		return ".emc-router"
	}
	return filepath.Join(dir, ".emc-router")
}

// env is a flag's default from the environment.
func env(name, fallback string) string {
	if v := os.Getenv(config.EnvPrefix + name); v != "" {
		return v
	}
	return fallback
}

// router is what most commands need of a home.
type router struct {
	home     home.Home
	config   config.Config
	identity identity.Identity
	chain    *chainclient.Client
	log      *slog.Logger
}

func homeOf(cmd *cobra.Command) (home.Home, error) {
	dir, err := cmd.Flags().GetString("home")
	if err != nil {
		return "", err
	}
	return home.New(dir)
}

// load reads a home that `init` made.
func load(cmd *cobra.Command) (*router, error) {
	h, err := homeOf(cmd)
	if err != nil {
		return nil, err
	}
	return open(h, os.Environ())
}

func open(h home.Home, environ []string) (*router, error) {
	r := &router{home: h}
	err := h.Check()
	if err != nil {
		return nil, err
	}
	if r.config, err = config.Load(h.Config(), environ); err != nil {
		return nil, err
	}
	if r.identity, err = identity.Load(h.Key()); err != nil {
		return nil, err
	}
	r.log = logger(r.config.Log, os.Stderr)
	prices, err := r.config.Chain.Prices()
	if err != nil {
		return nil, err
	}
	r.chain, err = chainclient.New(chainclient.Config{
		RPC: r.config.Chain.RPC, ChainID: r.config.Chain.ID, GasPrices: prices, GasAdjustment: r.config.Chain.GasAdjustment, Logger: r.log,
	})
	return r, err
}

func logger(c config.Log, out io.Writer) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.Level)) // validated with the settings
	options := &slog.HandlerOptions{Level: level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(out, options))
	}
	return slog.New(slog.NewTextHandler(out, options))
}
