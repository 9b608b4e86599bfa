// Package cmd is the emc-worker command line.
package cmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/edgematrix/emc/worker/config"
)

// WasmChild is the hidden subcommand that runs one job.
const WasmChild = "wasm-child"

// DockerChild is the hidden subcommand that runs inside containers.
const DockerChild = "docker-child"

// Execute runs the command line and returns the exit status.
func Execute() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := New()
	err := root.ExecuteContext(ctx)
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
		Use:   "emc-worker",
		Short: "Sell this machine's computing power on the EMC network",
		Long: `emc-worker takes jobs from the EMC chain, runs them in isolation, and earns for its operator.

  emc-worker up --localnet ~/.emcd-localnet      everything at once, on a local network

On a real network, the operator's key stays away from the worker:

  emc-worker init --chain-id emc-1 --rpc https://rpc.example.org:443
  emc-worker doctor
  emc-worker register --operator emc1… --generate-only > register.json   sign and send it with a wallet or Ledger
  emc-worker start`,
		SilenceUsage: true, SilenceErrors: true,
	}
	root.PersistentFlags().String("home", defaultHome(), "the worker's directory (environment: EMC_WORKER_HOME)")
	root.AddCommand(
		initCmd(), doctorCmd(), registerCmd(), startCmd(), upCmd(), statusCmd(), drainCmd(), retireCmd(), claimCmd(),
		exportCmd(), importCmd(), appCmd(), serviceCmd(), sweepCmd(), benchCmd(), versionCmd(),
		&cobra.Command{Use: DockerChild, Hidden: true, Short: "Look around in a container (for the worker's own use)"},
		&cobra.Command{Use: WasmChild, Hidden: true, Short: "Run one job (for the worker's own use)"},
	)
	return root
}

func defaultHome() string {
	if dir := os.Getenv(config.EnvPrefix + "HOME"); dir != "" {
		return dir
	}
	dir, err := os.UserHomeDir()
	if err != nil {
		return ".emc-worker"
	}
	return filepath.Join(dir, ".emc-worker")
}

// env is a flag's default from the environment.
func env(name, fallback string) string {
	if v := os.Getenv(config.EnvPrefix + name); v != "" {
		return v
	}
	return fallback
}
