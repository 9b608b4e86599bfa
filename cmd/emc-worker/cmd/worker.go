package cmd

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/edgematrix/emc/pkg/chainclient"
	"github.com/edgematrix/emc/pkg/identity"
	"github.com/edgematrix/emc/worker/config"
	"github.com/edgematrix/emc/worker/doctor"
	"github.com/edgematrix/emc/worker/home"
	"github.com/edgematrix/emc/worker/runtime"
	"github.com/edgematrix/emc/worker/runtime/docker"
	"github.com/edgematrix/emc/worker/runtime/wasm"
)

// worker is what most commands need of a home.
type worker struct {
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
func load(cmd *cobra.Command) (*worker, error) {
	h, err := homeOf(cmd)
	if err != nil {
		return nil, err
	}
	return open(h, os.Environ())
}

func open(h home.Home, environ []string) (*worker, error) {
	w := &worker{home: h}
	err := h.Check()
	if err != nil {
		return nil, err
	}
	if w.config, err = config.Load(h.Config(), environ); err != nil {
		return nil, err
	}
	if w.identity, err = identity.Load(h.Key()); err != nil {
		return nil, err
	}
	w.log = logger(w.config.Log, os.Stderr)
	w.chain, err = newChain(w.config, w.log)
	return w, err
}

func chainOf(c config.Config) (*chainclient.Client, error) {
	return newChain(c, slog.New(slog.DiscardHandler))
}

func newChain(c config.Config, log *slog.Logger) (*chainclient.Client, error) {
	prices, err := c.Chain.Prices()
	if err != nil {
		return nil, err
	}
	return chainclient.New(chainclient.Config{
		RPC: c.Chain.RPC, ChainID: c.Chain.ID, GasPrices: prices, GasAdjustment: c.Chain.GasAdjustment, Logger: log,
	})
}

// runtimesOf returns the runtimes that the settings name.
func runtimesOf(h home.Home, log *slog.Logger) func(config.Config) (map[string]runtime.Runtime, error) {
	return func(c config.Config) (map[string]runtime.Runtime, error) {
		out := map[string]runtime.Runtime{}
		if c.UsesWasm() {
			if err := os.MkdirAll(h.WasmCache(), 0o700); err != nil {
				return nil, err
			}
			w, err := wasm.New(wasm.Config{ChildArgs: []string{WasmChild}, CacheDir: h.WasmCache(), Logger: log})
			if err != nil {
				return nil, err
			}
			out[w.Name()] = w
		}
		if c.UsesDocker() {
			d, err := dockerOf(h, c.Docker, log)
			if err != nil {
				return nil, err
			}
			out[d.Name()] = d
		}
		return out, nil
	}
}

// dockerOf speaks to the Engine on this node's behalf.
func dockerOf(h home.Home, c config.Docker, log *slog.Logger) (*docker.Runtime, error) {
	size, err := config.ParseBytes(c.ImageBytes)
	if err != nil {
		return nil, err
	}
	id, err := identity.Load(h.Key())
	if err != nil {
		return nil, err
	}
	return docker.New(docker.Config{
		Host: c.Host, Owner: id.Address(), StateDir: h.Docker(), ImageBytes: size, Runtime: c.Runtime,
		ChildArgs: []string{DockerChild}, Logger: log,
	})
}

// isolation measures what separates jobs from this machine.
func isolation(ctx context.Context, w *worker) (runtime.Tier, error) {
	all, err := runtimesOf(w.home, w.log)(w.config)
	if err != nil {
		return runtime.TierNone, err
	}
	tier, _, err := doctor.Isolation(ctx, all)
	if err != nil {
		return runtime.TierNone, fmt.Errorf("%w; `emc-worker doctor` says more", err)
	}
	return tier, nil
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
