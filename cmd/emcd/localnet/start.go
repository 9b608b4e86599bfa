package localnet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	cmtcfg "github.com/cometbft/cometbft/config"
	"github.com/spf13/viper"
	"golang.org/x/sync/errgroup"

	"github.com/cosmos/cosmos-sdk/client"
	clientconfig "github.com/cosmos/cosmos-sdk/client/config"
	"github.com/cosmos/cosmos-sdk/crypto/keyring"
	serverconfig "github.com/cosmos/cosmos-sdk/server/config"
	sdk "github.com/cosmos/cosmos-sdk/types"
	genutiltypes "github.com/cosmos/cosmos-sdk/x/genutil/types"

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

// Info is localnet.json, for programs that use the network.
type Info struct {
	RPC     string `json:"rpc"`
	REST    string `json:"rest"`
	GRPC    string `json:"grpc"`
	P2P     string `json:"p2p"`
	Faucet  string `json:"faucet,omitempty"`
	ChainID string `json:"chain_id"`
	Home    string `json:"home"`
	PID     int    `json:"pid"`
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
			if h.changed(raw) {
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

// readConfigs reads back what the home is configured with.
func (h home) readConfigs() (chainID string, comet *cmtcfg.Config, app serverconfig.Config, err error) {
	genesis, err := genutiltypes.AppGenesisFromFile(h.file("config", "genesis.json"))
	if err != nil {
		return "", nil, app, fmt.Errorf("%w (--reset starts over)", err)
	}
	comet = cmtcfg.DefaultConfig()
	for name, target := range map[string]any{"config.toml": comet, "app.toml": &app} {
		v := viper.New()
		v.SetConfigFile(h.file("config", name))
		if err := v.ReadInConfig(); err != nil {
			return "", nil, app, fmt.Errorf("%w (--reset starts over)", err)
		}
		if name == "app.toml" {
			app, err = serverconfig.GetConfig(v)
		} else {
			err = v.Unmarshal(target)
		}
		if err != nil {
			return "", nil, app, err
		}
	}
	return genesis.ChainID, comet, app, nil
}

// endpoints decides where the network listens. Automatic ports stay the same
// over restarts as long as nobody else has taken them.
func (h home) endpoints(o Options, cfg Config, comet *cmtcfg.Config, app serverconfig.Config) (endpoints, error) {
	e := endpoints{rpc: comet.RPC.ListenAddress, p2p: comet.P2P.ListenAddress, rest: app.API.Address, grpc: app.GRPC.Address}
	if cfg.Faucet.Name != "" {
		e.faucet = cfg.Faucet.listen()
	}
	if err := e.each(func(name string, address *string) (err error) {
		if *address, err = hostPort(*address); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	}); err != nil {
		return e, err
	}
	if o.AutoPorts {
		if last, ok := h.lastEndpoints(); ok && last.check() == nil {
			return last, nil
		}
		return e, e.pick()
	}
	if err := e.shift(o.PortOffset); err != nil {
		return e, err
	}
	return e, e.check()
}

// lastEndpoints reads where the network listened when it was killed.
func (h home) lastEndpoints() (e endpoints, ok bool) {
	raw, err := os.ReadFile(h.file(stateFile))
	var info Info
	if err != nil || json.Unmarshal(raw, &info) != nil {
		return e, false
	}
	e = endpoints{rpc: info.RPC, p2p: info.P2P, rest: info.REST, grpc: info.GRPC, faucet: info.Faucet}
	err = e.each(func(_ string, address *string) (err error) {
		*address, err = hostPort(*address)
		return err
	})
	return e, err == nil
}

// listen returns the faucet's host:port.
func (f Faucet) listen() string {
	host, port := f.Host, ""
	if h, p, err := net.SplitHostPort(f.Host); err == nil {
		host, port = h, p
	}
	if host == "" {
		host = "127.0.0.1"
	}
	if f.Port != 0 {
		port = strconv.Itoa(f.Port)
	}
	if port == "" {
		port = "4500"
	}
	return net.JoinHostPort(host, port)
}

// pointClient makes the command line with this home talk to this node.
func (h home) pointClient(rpc string) error {
	v := viper.New()
	path := h.file("config", "client.toml")
	v.SetConfigFile(path)
	if err := v.ReadInConfig(); err != nil {
		return err
	}
	cfg := clientconfig.DefaultConfig()
	if err := v.Unmarshal(cfg); err != nil {
		return err
	}
	cfg.Node = rpc
	return network.ClientConfig(*cfg).Write(path)
}

// writeInfo writes localnet.json whole or not at all.
func (h home) writeInfo(info Info) error {
	raw, err := json.MarshalIndent(info, "", "  ")
	if err != nil {
		return err
	}
	temporary := h.file(stateFile + ".tmp")
	if err := os.WriteFile(temporary, append(raw, '\n'), 0o644); err != nil {
		return err
	}
	return os.Rename(temporary, h.file(stateFile))
}

// firstBlock waits until the node has made a block since it started.
func firstBlock(ctx context.Context, clientCtx client.Context) error {
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	began := int64(-1)
	for {
		if status, err := clientCtx.Client.Status(ctx); err == nil {
			height := status.SyncInfo.LatestBlockHeight
			if began < 0 {
				began = height
			}
			if height > began {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

// serve answers HTTP until ctx ends.
func serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: confirmTimeout + 10*time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
	}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("the faucet stopped: %w", err)
	}
	return nil
}
