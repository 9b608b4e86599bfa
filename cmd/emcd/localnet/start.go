package localnet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sync/errgroup"

	"github.com/cosmos/cosmos-sdk/client"
	"github.com/cosmos/cosmos-sdk/crypto/keyring"
	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/cmd/emcd/network"
)

// Setup runs inside the started node: with its client, its context and the
// group that its services belong to.
type Setup func(clientCtx client.Context, ctx context.Context, g *errgroup.Group) error

// Options say which network to start, and how.
type Options struct {
	// Home is the network's folder.
	Home string
	// ConfigPath is the config.yml; empty for ./config.yml or the built-in one.
	ConfigPath string
	// Reset starts over from the genesis.
	Reset bool
	// Quiet prints nothing but errors and the line "ready".
	Quiet bool
	// PortOffset moves every port; AutoPorts takes free ones instead.
	PortOffset int
	AutoPorts  bool
	// Out gets the summary.
	Out io.Writer
	// Codecs are the application's.
	Codecs network.Codecs
	// RunNode runs the node with flags of `emcd start` until it is stopped, and
	// calls setup once it serves.
	RunNode func(ctx context.Context, args []string, setup Setup) error
}

// Start runs the network until it is told to stop (Ctrl-C or SIGTERM). Its state
// is kept: a network that was killed goes on from its last block.
func Start(ctx context.Context, o Options) error {
	cfg, raw, err := ReadConfig(o.ConfigPath)
	if err != nil {
		return err
	}
	path, err := filepath.Abs(o.Home)
	if err != nil {
		return err
	}
	h := home{path}
	release, err := h.open(ctx, o, cfg, raw)
	if err != nil {
		return err
	}
	defer release()

	chainID, comet, app, err := h.readConfigs()
	if err != nil {
		return err
	}
	ends, err := h.endpoints(o, cfg, comet, app)
	if err != nil {
		return err
	}
	info := Info{
		RPC: "http://" + ends.rpc, REST: "http://" + ends.rest, GRPC: ends.grpc, P2P: ends.p2p,
		ChainID: chainID, Home: path, PID: os.Getpid(),
	}
	if ends.faucet != "" {
		info.Faucet = "http://" + ends.faucet
	}
	if err := h.pointClient(info.RPC); err != nil {
		return err
	}
	ring, err := keyring.New(sdk.KeyringServiceName(), keyring.BackendTest, path, nil, o.Codecs.Codec)
	if err != nil {
		return err
	}

	args := []string{
		"--home", path, "--rpc.laddr", "tcp://" + ends.rpc, "--p2p.laddr", "tcp://" + ends.p2p,
		"--api.address", "tcp://" + ends.rest, "--grpc.address", ends.grpc, "--rpc.pprof_laddr", "",
	}
	var failed error
	err = o.RunNode(ctx, args, func(clientCtx client.Context, ctx context.Context, g *errgroup.Group) error {
		run := func(service func(context.Context) error) {
			g.Go(func() error {
				if err := service(ctx); err != nil && ctx.Err() == nil {
					// The node waits for a signal and for nothing else.
					failed = err
					_ = syscall.Kill(os.Getpid(), syscall.SIGTERM)
				}
				return nil
			})
		}
		if ends.faucet != "" {
			prices := app.GetMinGasPrices()
			payer, err := newChainPayer(clientCtx, ring, cfg.Faucet.Name, chainID, prices)
			if err != nil {
				return err
			}
			f, err := newFaucet(cfg, chainID, payer)
			if err != nil {
				return err
			}
			listener, err := net.Listen("tcp", ends.faucet)
			if err != nil {
				return err
			}
			run(payer.run)
			run(func(ctx context.Context) error { return serve(ctx, listener, f.handler()) })
		}
		run(func(ctx context.Context) error {
			if err := firstBlock(ctx, clientCtx); err != nil {
				return err
			}
			if err := h.writeInfo(info); err != nil {
				return err
			}
			if !o.Quiet {
				summary(o.Out, info, cfg, ring)
			}
			_, err := fmt.Fprintln(o.Out, "ready")
			return err
		})
		return nil
	})
	_ = os.Remove(h.file(stateFile))
	return errors.Join(err, failed)
}

// open makes the home ready and locks it.
func (h home) open(ctx context.Context, o Options, cfg Config, raw []byte) (release func(), err error) {
	exists, err := h.state()
	if err != nil {
		return nil, err
	}
	if exists {
		if release, err = h.lock(); err != nil {
			return nil, err
		}
		if !o.Reset {
			if h.changed(raw) && !o.Quiet {
				fmt.Fprintln(o.Out, "The configuration has changed since this network began; --reset starts over with the new one.")
			}
			return release, nil
		}
		release()
		if err := os.RemoveAll(h.path); err != nil {
			return nil, err
		}
	}
	if err := h.create(ctx, o.Codecs, cfg, raw); err != nil {
		return nil, err
	}
	return h.lock()
}
