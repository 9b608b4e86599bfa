package localnet

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	cmtcfg "github.com/cometbft/cometbft/config"
	"golang.org/x/sys/unix"

	clientconfig "github.com/cosmos/cosmos-sdk/client/config"
	"github.com/cosmos/cosmos-sdk/crypto/keyring"
	serverconfig "github.com/cosmos/cosmos-sdk/server/config"
	sdk "github.com/cosmos/cosmos-sdk/types"
	genutiltypes "github.com/cosmos/cosmos-sdk/x/genutil/types"

	"github.com/edgematrix/emc/cmd/emcd/network"
	"github.com/edgematrix/emc/pkg/amount"
	poctypes "github.com/edgematrix/emc/x/poc/types"
)

const (
	// markerFile says that a home belongs to a local network, and of which
	// configuration: only such a home is ever deleted.
	markerFile = ".localnet"
	lockFile   = "localnet.lock"
	stateFile  = "localnet.json"
)

// home is the folder of one local network.
type home struct{ path string }

func (h home) file(parts ...string) string {
	return filepath.Join(append([]string{h.path}, parts...)...)
}

// state says whether the home holds a local network, is free, or is something else.
func (h home) state() (exists bool, err error) {
	if _, err := os.Stat(h.file(markerFile)); err == nil {
		return true, nil
	}
	entries, err := os.ReadDir(h.path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("cannot use %s as the network's home: %w", h.path, err)
	}
	return false, fmt.Errorf("%s is not empty and no local network: choose another --home", h.path)
}

// lock makes sure that one process alone runs the network.
func (h home) lock() (release func(), err error) {
	f, err := os.OpenFile(h.file(lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("the network in %s is running already: stop it first, or give another --home", h.path)
	}
	return func() { _ = f.Close() }, nil
}

func digest(raw []byte) string {
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

// changed reports whether the configuration differs from the one that the
// network was made of.
func (h home) changed(raw []byte) bool {
	marker, err := os.ReadFile(h.file(markerFile))
	return err == nil && strings.TrimSpace(string(marker)) != digest(raw)
}

// create writes a new network. It is made beside its place and moved there when
// it is whole, so that a crash leaves nothing half done.
func (h home) create(ctx context.Context, c network.Codecs, cfg Config, raw []byte) error {
	if err := os.MkdirAll(filepath.Dir(h.path), 0o755); err != nil {
		return err
	}
	staging, err := os.MkdirTemp(filepath.Dir(h.path), "."+filepath.Base(h.path)+"-")
	if err != nil {
		return fmt.Errorf("cannot write beside %s: %w", h.path, err)
	}
	defer os.RemoveAll(staging)
	if err := (home{staging}).write(ctx, c, cfg, raw); err != nil {
		return err
	}
	if err := os.Remove(h.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Rename(staging, h.path)
}

// write fills an empty folder with keys, configuration and genesis.
func (h home) write(ctx context.Context, c network.Codecs, cfg Config, raw []byte) error {
	validator := cfg.Validators[0]
	comet, err := h.writeConfigs(validator)
	if err != nil {
		return err
	}
	chainID := chainIDOf(cfg)
	client := clientconfig.DefaultConfig()
	client.ChainID, client.KeyringBackend = chainID, keyring.BackendTest
	client.Node = comet.RPC.ListenAddress
	if err := overrideTOML(func(path string) error { return network.ClientConfig(*client).Write(path) }, validator.Client, client); err != nil {
		return fmt.Errorf("validators: %s: client: %w", validator.Name, err)
	}
	if err := network.ClientConfig(*client).Write(h.file("config", "client.toml")); err != nil {
		return err
	}

	ring, err := keyring.New(sdk.KeyringServiceName(), keyring.BackendTest, h.path, nil, c.Codec)
	if err != nil {
		return err
	}
	var accounts []network.Account
	for _, account := range cfg.Accounts {
		entry := network.Account{Name: account.Name, Coins: cfg.balances[account.Name]}
		if account.Address != "" {
			entry.Address, err = sdk.AccAddressFromBech32(account.Address)
		} else {
			entry.Address, _, err = network.AddKey(ring, account.Name, strings.Join(strings.Fields(account.Mnemonic), " "))
		}
		if err != nil {
			return fmt.Errorf("accounts: %w", err)
		}
		accounts = append(accounts, entry)
	}
	_, key, err := network.NodeKeys(comet)
	if err != nil {
		return err
	}
	bonded, err := amount.ParseCoin(validator.Bonded)
	if err != nil {
		return err
	}
	record, err := ring.Key(validator.Name)
	if err != nil {
		return fmt.Errorf("the validator's key %q: %w", validator.Name, err)
	}
	operator, err := record.GetAddress()
	if err != nil {
		return err
	}
	genTx, err := network.GenTx(ctx, c, ring, chainID, network.Validator{
		KeyName: validator.Name, Moniker: validator.Name, PubKey: key, Bonded: bonded,
	})
	if err != nil {
		return err
	}
	beaconKey, err := network.BeaconKey(h.path, operator)
	if err != nil {
		return err
	}
	genesis, err := network.NewGenesis(c, chainID, time.Now().UTC(), accounts, []json.RawMessage{genTx}, []poctypes.BeaconKey{beaconKey})
	if err != nil {
		return err
	}
	if err := h.writeGenesis(c, genesis, cfg.Genesis); err != nil {
		return err
	}
	return os.WriteFile(h.file(markerFile), []byte(digest(raw)+"\n"), 0o600)
}

// writeGenesis lays the overrides over the genesis, checks the result and saves it.
func (h home) writeGenesis(c network.Codecs, genesis *genutiltypes.AppGenesis, override map[string]any) error {
	document, err := json.Marshal(genesis)
	if err != nil {
		return err
	}
	merged, err := mergeJSON(document, override)
	if err != nil {
		return fmt.Errorf("genesis: %w", err)
	}
	var final genutiltypes.AppGenesis
	if err := json.Unmarshal(merged, &final); err != nil {
		return fmt.Errorf("genesis: an override has the wrong type (numbers beyond 2^53 are quoted): %w", err)
	}
	if err := network.Validate(c, &final); err != nil {
		return fmt.Errorf("genesis: an override makes it invalid: %w", err)
	}
	return final.SaveAs(h.file("config", "genesis.json"))
}

// writeConfigs writes config.toml and app.toml with the validator's overrides.
func (h home) writeConfigs(validator Validator) (*cmtcfg.Config, error) {
	for _, dir := range []string{"config", "data"} {
		if err := os.MkdirAll(h.file(dir), 0o700); err != nil {
			return nil, err
		}
	}
	comet := network.CometConfig()
	comet.Moniker = validator.Name
	comet.RPC.ListenAddress = "tcp://127.0.0.1:26657"
	comet.RPC.PprofListenAddress = ""
	comet.P2P.ListenAddress = "tcp://127.0.0.1:26656"
	comet.P2P.PexReactor = false
	if err := overrideTOML(func(path string) error {
		cmtcfg.WriteConfigFile(path, comet)
		return nil
	}, validator.Config, comet); err != nil {
		return nil, fmt.Errorf("validators: %s: config: %w", validator.Name, err)
	}
	comet.SetRoot(h.path)
	if err := comet.ValidateBasic(); err != nil {
		return nil, fmt.Errorf("validators: %s: config: %w", validator.Name, err)
	}
	cmtcfg.WriteConfigFile(h.file("config", "config.toml"), comet)

	app := network.AppConfig()
	app.API.Enable, app.API.EnableUnsafeCORS = true, true
	app.API.Address, app.GRPC.Address = "tcp://127.0.0.1:1317", "127.0.0.1:9090"
	if err := overrideTOML(func(path string) error {
		serverconfig.WriteConfigFile(path, app)
		return nil
	}, validator.App, app); err != nil {
		return nil, fmt.Errorf("validators: %s: app: %w", validator.Name, err)
	}
	if err := app.ValidateBasic(); err != nil {
		return nil, fmt.Errorf("validators: %s: app: %w", validator.Name, err)
	}
	serverconfig.WriteConfigFile(h.file("config", "app.toml"), app)
	return comet, nil
}

// chainIDOf returns the chain id of the configuration's genesis.
func chainIDOf(cfg Config) string {
	if id, ok := cfg.Genesis["chain_id"].(string); ok && id != "" {
		return id
	}
	return "emc-local-1"
}
