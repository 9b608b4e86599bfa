// Package localnet runs a one-validator network with a faucet in one process,
// described by a config.yml in Ignite's format.
package localnet

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/cosmos/go-bip39"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/amount"
)

// defaultConfig is what the network is made of where no config.yml lies: the
// same as the repository's.
//
//go:embed default.yml
var defaultConfig []byte

// Config is a config.yml.
type Config struct {
	Version    int              `yaml:"version"`
	Accounts   []Account        `yaml:"accounts"`
	Faucet     Faucet           `yaml:"faucet"`
	Validators []Validator      `yaml:"validators"`
	Genesis    map[string]any   `yaml:"genesis"`
	balances   map[string]coins // by account name
}

type coins = sdk.Coins

// Account is a key with coins in the genesis. Without a mnemonic and address a
// new key is made.
type Account struct {
	Name     string   `yaml:"name"`
	Coins    []string `yaml:"coins"`
	Mnemonic string   `yaml:"mnemonic"`
	// Address funds somebody else's key, of which nothing is known here.
	Address string `yaml:"address"`
}

// Faucet gives coins to whoever asks. A config without a faucet runs none.
type Faucet struct {
	// Name is the account that pays.
	Name string `yaml:"name"`
	// Coins is what one request gets by default, CoinsMax the most it may ask for.
	Coins    []string `yaml:"coins"`
	CoinsMax []string `yaml:"coins_max"`
	// Host and Port are where it listens; the port may also stand in the host.
	Host string `yaml:"host"`
	Port int    `yaml:"port"`
	// Rates limit requests; zero values take the defaults.
	Rates Rates `yaml:"rates"`
}

// Validator is the one validator of the network, an account with a stake, and
// overrides of its node's configuration files.
type Validator struct {
	Name   string         `yaml:"name"`
	Bonded string         `yaml:"bonded"`
	App    map[string]any `yaml:"app"`
	Config map[string]any `yaml:"config"`
	Client map[string]any `yaml:"client"`
}

// DefaultPath is where the configuration is looked for when none is named.
const DefaultPath = "config.yml"

// ReadConfig reads and checks the file at path. An empty path means config.yml
// in the current folder, or the built-in one where there is none. raw is what
// was read.
func ReadConfig(path string) (cfg Config, raw []byte, err error) {
	name := path
	if path == "" {
		name = DefaultPath
	}
	raw, err = os.ReadFile(name)
	if path == "" && errors.Is(err, fs.ErrNotExist) {
		name, raw, err = "the built-in config.yml", defaultConfig, nil
	}
	if err != nil {
		return Config{}, nil, fmt.Errorf("read the network's configuration: %w", err)
	}
	cfg, err = parseConfig(raw)
	if err != nil {
		return Config{}, nil, fmt.Errorf("%s: %w", name, err)
	}
	return cfg, raw, nil
}

// unknownKey matches what the YAML decoder says of a key that it does not know.
var unknownKey = regexp.MustCompile(`line (\d+): field (\S+) not found in type`)

func parseConfig(raw []byte) (Config, error) {
	var cfg Config
	decoder := yaml.NewDecoder(bytes.NewReader(raw))
	decoder.KnownFields(true)
	if err := decoder.Decode(&cfg); err != nil && !errors.Is(err, io.EOF) {
		if m := unknownKey.FindStringSubmatch(err.Error()); m != nil {
			return cfg, fmt.Errorf("line %s: unknown key %q: correct it or take it out", m[1], m[2])
		}
		return cfg, fmt.Errorf("not a valid YAML configuration: %w", err)
	}
	return cfg, cfg.check()
}

// check refuses what would only fail later, and halfway.
func (cfg *Config) check() error {
	if cfg.Version != 0 && cfg.Version != 1 {
		return fmt.Errorf("version %d is not supported: use version: 1", cfg.Version)
	}
	if len(cfg.Accounts) == 0 {
		return errors.New("accounts: at least the validator's account is needed")
	}
	cfg.balances = map[string]coins{}
	for i, account := range cfg.Accounts {
		if account.Name == "" {
			return fmt.Errorf("accounts: number %d has no name", i+1)
		}
		if _, twice := cfg.balances[account.Name]; twice {
			return fmt.Errorf("accounts: %q is there twice", account.Name)
		}
		balance, err := parseList("accounts: "+account.Name+": coins", account.Coins)
		if err != nil {
			return err
		}
		cfg.balances[account.Name] = balance
		if account.Mnemonic != "" && account.Address != "" {
			return fmt.Errorf("accounts: %s: give a mnemonic or an address, not both", account.Name)
		}
		if account.Mnemonic != "" && !bip39.IsMnemonicValid(account.Mnemonic) {
			return fmt.Errorf("accounts: %s: the mnemonic is not valid: a word is misspelt or missing", account.Name)
		}
		if account.Address != "" {
			if _, err := sdk.AccAddressFromBech32(account.Address); err != nil {
				return fmt.Errorf("accounts: %s: address: %w", account.Name, err)
			}
		}
	}
	if err := cfg.checkValidator(); err != nil {
		return err
	}
	return cfg.checkFaucet()
}

func (cfg *Config) checkValidator() error {
	if len(cfg.Validators) != 1 {
		return fmt.Errorf("validators: a local network has exactly one, not %d: for more use `emcd testnet init-files`", len(cfg.Validators))
	}
	validator := cfg.Validators[0]
	balance, ok := cfg.balances[validator.Name]
	if !ok {
		return fmt.Errorf("validators: %q is not among the accounts", validator.Name)
	}
	if cfg.account(validator.Name).Address != "" {
		return fmt.Errorf("validators: %q needs a key: give its account a mnemonic instead of an address", validator.Name)
	}
	bonded, err := amount.ParseCoin(validator.Bonded)
	if err != nil {
		return fmt.Errorf("validators: %s: bonded: %w", validator.Name, err)
	}
	if bonded.Denom != amount.BaseDenom || bonded.Amount.LT(sdk.DefaultPowerReduction) {
		return fmt.Errorf("validators: %s: bonded: %s is too little: at least 1emc", validator.Name, validator.Bonded)
	}
	if balance.AmountOf(bonded.Denom).LT(bonded.Amount) {
		return fmt.Errorf("validators: %s bonds %s but has only %s", validator.Name, amount.Format(bonded), amount.FormatCoins(balance))
	}
	return nil
}

func (cfg *Config) checkFaucet() error {
	f := cfg.Faucet
	if f.Name == "" {
		if len(f.Coins) > 0 || f.Host != "" || f.Port != 0 {
			return errors.New("faucet: name the account that pays, as faucet: {name: …}")
		}
		return nil
	}
	if _, ok := cfg.balances[f.Name]; !ok {
		return fmt.Errorf("faucet: %q is not among the accounts", f.Name)
	}
	if cfg.account(f.Name).Address != "" {
		return fmt.Errorf("faucet: %q needs a key: give its account a mnemonic instead of an address", f.Name)
	}
	if _, err := parseList("faucet: coins", f.Coins); err != nil {
		return err
	}
	if _, err := parseList("faucet: coins_max", f.CoinsMax); err != nil {
		return err
	}
	if f.Port < 0 || f.Port > 65535 {
		return fmt.Errorf("faucet: port %d is no port", f.Port)
	}
	return nil
}

func (cfg *Config) account(name string) Account {
	for _, account := range cfg.Accounts {
		if account.Name == name {
			return account
		}
	}
	return Account{}
}

// parseList reads amounts that stand in a list, each possibly a list itself.
func parseList(where string, list []string) (sdk.Coins, error) {
	total, err := amount.ParseCoins(strings.Join(list, ","))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", where, err)
	}
	return total, nil
}
