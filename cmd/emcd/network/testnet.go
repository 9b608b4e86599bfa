package network

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	cmtcfg "github.com/cometbft/cometbft/config"

	"github.com/cosmos/cosmos-sdk/crypto/keyring"
	serverconfig "github.com/cosmos/cosmos-sdk/server/config"
	sdk "github.com/cosmos/cosmos-sdk/types"
	genutiltypes "github.com/cosmos/cosmos-sdk/x/genutil/types"

	"github.com/edgematrix/emc/pkg/amount"
	poctypes "github.com/edgematrix/emc/x/poc/types"
)

// MaxTestnetValidators bounds a test network: its files are made one by one.
const MaxTestnetValidators = 100

// Testnet says how to lay out the files of a network of several validators.
type Testnet struct {
	Validators int
	// OutputDir gets one folder for each node and gentxs/.
	OutputDir string
	ChainID   string
	// NodePrefix and DaemonHome name a node's folders: <prefix><i>/<daemon home>.
	NodePrefix, DaemonHome string
	// StartingIP is the first node's address; the others follow it.
	StartingIP string
	// SingleHost runs all nodes on this machine, on ports from BasePort upwards.
	SingleHost bool
	BasePort   int
	// Coins and Bonded are each validator's balance and its part at stake.
	Coins, Bonded    string
	MinGasPrices     string
	KeyringBackend   string
	KeyringInput     io.Reader
	CommitTimeout    time.Duration
	BlockExecutor    string
	EnablePrometheus bool
}

// portsEach is how many ports apart two nodes of one machine are.
const portsEach = 10

// node is one validator's place in the network.
type node struct {
	name, dir            string
	bind                 string
	peer                 string
	p2p, rpc, rest, grpc int
	prometheus           int
	comet                *cmtcfg.Config
	app                  *serverconfig.Config
	id                   string
}

// Write checks the request and writes the network's files. On an error nothing
// of it is left.
func (t Testnet) Write(ctx context.Context, c Codecs) (err error) {
	coins, bonded, err := t.check()
	if err != nil {
		return err
	}
	nodes, err := t.layout()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(t.OutputDir, 0o755); err != nil {
		return fmt.Errorf("--output-dir: %w", err)
	}
	defer func() {
		if err != nil {
			for _, n := range nodes {
				_ = os.RemoveAll(filepath.Join(t.OutputDir, n.name))
			}
			_ = os.RemoveAll(filepath.Join(t.OutputDir, "gentxs"))
		}
	}()

	var accounts []Account
	var genTxs []json.RawMessage
	var beaconKeys []poctypes.BeaconKey
	for i := range nodes {
		account, genTx, err := t.writeNode(ctx, c, &nodes[i], coins, bonded)
		if err != nil {
			return fmt.Errorf("%s: %w", nodes[i].name, err)
		}
		key, err := BeaconKey(nodes[i].dir, account.Address)
		if err != nil {
			return fmt.Errorf("%s: %w", nodes[i].name, err)
		}
		accounts, genTxs, beaconKeys = append(accounts, account), append(genTxs, genTx), append(beaconKeys, key)
	}
	genesis, err := NewGenesis(c, t.ChainID, time.Now().UTC(), accounts, genTxs, beaconKeys)
	if err != nil {
		return err
	}
	if err := Validate(c, genesis); err != nil {
		return err
	}
	return t.finish(nodes, genesis)
}

// check refuses bad input before anything is written.
func (t Testnet) check() (coins sdk.Coins, bonded sdk.Coin, err error) {
	if t.Validators < 1 || t.Validators > MaxTestnetValidators {
		return nil, bonded, fmt.Errorf("--v %d: from 1 to %d validators", t.Validators, MaxTestnetValidators)
	}
	if t.ChainID == "" || len(t.ChainID) > genutiltypes.MaxChainIDLen {
		return nil, bonded, fmt.Errorf("--chain-id %q: 1 to %d characters", t.ChainID, genutiltypes.MaxChainIDLen)
	}
	if coins, err = amount.ParseCoins(t.Coins); err != nil {
		return nil, bonded, fmt.Errorf("--coins: %w", err)
	}
	if bonded, err = amount.ParseCoin(t.Bonded); err != nil {
		return nil, bonded, fmt.Errorf("--bonded: %w", err)
	}
	if bonded.Denom != amount.BaseDenom || bonded.Amount.LT(sdk.DefaultPowerReduction) {
		return nil, bonded, fmt.Errorf("--bonded %s: at least 1emc", t.Bonded)
	}
	if coins.AmountOf(bonded.Denom).LT(bonded.Amount) {
		return nil, bonded, fmt.Errorf("--bonded %s is more than the validator has (--coins %s)", t.Bonded, t.Coins)
	}
	if _, err := amount.ParsePrices(t.MinGasPrices); err != nil {
		return nil, bonded, fmt.Errorf("--minimum-gas-prices: %w", err)
	}
	for i := range t.Validators {
		path := filepath.Join(t.OutputDir, t.NodePrefix+strconv.Itoa(i))
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			return nil, bonded, fmt.Errorf("%s is there already: delete it, or choose another --output-dir", path)
		}
	}
	return coins, bonded, nil
}

// layout gives every node its folder, addresses and ports.
func (t Testnet) layout() ([]node, error) {
	var ip netip.Addr
	if t.SingleHost {
		last := t.BasePort + portsEach*t.Validators
		if t.BasePort < 1024 || last > 65535 {
			return nil, fmt.Errorf("--base-port %d: the nodes' ports would be %d to %d, out of 1024 to 65535", t.BasePort, t.BasePort, last)
		}
	} else {
		var err error
		if ip, err = netip.ParseAddr(t.StartingIP); err != nil || !ip.Is4() {
			return nil, fmt.Errorf("--starting-ip-address %q is not an IPv4 address; for one machine use --single-host", t.StartingIP)
		}
	}
	var nodes []node
	for i := range t.Validators {
		n := node{name: t.NodePrefix + strconv.Itoa(i)}
		n.dir = filepath.Join(t.OutputDir, n.name, t.DaemonHome)
		if t.SingleHost {
			base := t.BasePort + portsEach*i
			n.bind, n.peer = "127.0.0.1", "127.0.0.1"
			n.p2p, n.rpc, n.rest, n.grpc, n.prometheus = base, base+1, base+2, base+3, base+4
		} else {
			if !ip.IsValid() {
				return nil, fmt.Errorf("--starting-ip-address %s: there are not %d addresses after it", t.StartingIP, t.Validators)
			}
			n.bind, n.peer = "0.0.0.0", ip.String()
			n.p2p, n.rpc, n.rest, n.grpc, n.prometheus = 26656, 26657, 1317, 9090, 26660
			ip = ip.Next()
		}
		nodes = append(nodes, n)
	}
	return nodes, nil
}

// writeNode writes one node's keys and settings and signs its genesis transaction.
func (t Testnet) writeNode(ctx context.Context, c Codecs, n *node, coins sdk.Coins, bonded sdk.Coin) (Account, json.RawMessage, error) {
	for _, dir := range []string{"config", "data"} {
		if err := os.MkdirAll(filepath.Join(n.dir, dir), 0o700); err != nil {
			return Account{}, nil, err
		}
	}
	at := func(port int) string { return net.JoinHostPort(n.bind, strconv.Itoa(port)) }
	n.comet = CometConfig()
	n.comet.SetRoot(n.dir)
	n.comet.Moniker = n.name
	n.comet.RPC.ListenAddress = "tcp://" + at(n.rpc)
	n.comet.RPC.PprofListenAddress = ""
	n.comet.P2P.ListenAddress = "tcp://" + at(n.p2p)
	n.comet.P2P.AddrBookStrict = false // private addresses are routable here
	n.comet.P2P.AllowDuplicateIP = true
	n.comet.Instrumentation.Prometheus = t.EnablePrometheus
	n.comet.Instrumentation.PrometheusListenAddr = at(n.prometheus)
	if t.CommitTimeout > 0 {
		n.comet.Consensus.TimeoutCommit = t.CommitTimeout
	}
	n.app = AppConfig()
	n.app.MinGasPrices = t.MinGasPrices
	n.app.API.Enable, n.app.API.Address = true, "tcp://"+at(n.rest)
	n.app.GRPC.Address = at(n.grpc)
	if t.BlockExecutor != "" {
		n.app.BlockExecutor = t.BlockExecutor
	}
	id, key, err := NodeKeys(n.comet)
	if err != nil {
		return Account{}, nil, err
	}
	n.id = id

	ring, err := keyring.New(sdk.KeyringServiceName(), t.KeyringBackend, n.dir, t.KeyringInput, c.Codec)
	if err != nil {
		return Account{}, nil, err
	}
	address, mnemonic, err := AddKey(ring, n.name, "")
	if err != nil {
		return Account{}, nil, err
	}
	seed, err := json.Marshal(map[string]string{"secret": mnemonic})
	if err != nil {
		return Account{}, nil, err
	}
	if err := os.WriteFile(filepath.Join(n.dir, "key_seed.json"), seed, 0o600); err != nil {
		return Account{}, nil, err
	}
	genTx, err := GenTx(ctx, c, ring, t.ChainID, Validator{
		KeyName: n.name, Moniker: n.name, PubKey: key, Bonded: bonded, Memo: n.address(),
	})
	if err != nil {
		return Account{}, nil, err
	}
	dir := filepath.Join(t.OutputDir, "gentxs")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return Account{}, nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, n.name+".json"), genTx, 0o644); err != nil {
		return Account{}, nil, err
	}
	return Account{Name: n.name, Address: address, Coins: coins}, genTx, nil
}

// address is how the others reach the node.
func (n node) address() string { return fmt.Sprintf("%s@%s:%d", n.id, n.peer, n.p2p) }

// finish tells every node of its peers and writes the common genesis.
func (t Testnet) finish(nodes []node, genesis *genutiltypes.AppGenesis) error {
	for i, n := range nodes {
		var peers []string
		for j, other := range nodes {
			if i != j {
				peers = append(peers, other.address())
			}
		}
		n.comet.P2P.PersistentPeers = strings.Join(peers, ",")
		cmtcfg.WriteConfigFile(filepath.Join(n.dir, "config", "config.toml"), n.comet)
		serverconfig.WriteConfigFile(filepath.Join(n.dir, "config", "app.toml"), n.app)
		client := ClientConfig{
			ChainID: t.ChainID, KeyringBackend: t.KeyringBackend, Output: "text", BroadcastMode: "sync",
			Node: "http://" + net.JoinHostPort(n.peer, strconv.Itoa(n.rpc)),
		}
		if err := client.Write(filepath.Join(n.dir, "config", "client.toml")); err != nil {
			return err
		}
		if err := genesis.SaveAs(n.comet.GenesisFile()); err != nil {
			return err
		}
	}
	return nil
}
