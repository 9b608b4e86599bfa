package localnet

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strconv"

	cmtcfg "github.com/cometbft/cometbft/config"
	"github.com/spf13/viper"

	clientconfig "github.com/cosmos/cosmos-sdk/client/config"
	serverconfig "github.com/cosmos/cosmos-sdk/server/config"
	genutiltypes "github.com/cosmos/cosmos-sdk/x/genutil/types"

	"github.com/edgematrix/emc/cmd/emcd/network"
)

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
