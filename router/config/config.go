// Package config holds a router's settings: defaults, the file config.toml, and what
// the environment (EMC_ROUTER_*) changes.
package config

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"
	"text/template"

	ma "github.com/multiformats/go-multiaddr"

	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/amount"
	_ "github.com/edgematrix/emc/pkg/bech32" // addresses below are read with EMC's prefix
	"github.com/edgematrix/emc/pkg/settings"
	computetypes "github.com/edgematrix/emc/x/compute/types"
)

// Config is everything that an operator can set.
type Config struct {
	Chain   Chain   `koanf:"chain"`
	Network Network `koanf:"network"`
	Gateway Gateway `koanf:"gateway"`
	Log     Log     `koanf:"log"`
	Metrics Metrics `koanf:"metrics"`
}

// Chain names the chain and the way to it.
type Chain struct {
	ID            string  `koanf:"id"`
	RPC           string  `koanf:"rpc"`
	GasPrices     string  `koanf:"gas_prices"`
	GasAdjustment float64 `koanf:"gas_adjustment"`
	FeeGranter    string  `koanf:"fee_granter"`
}

// Network is where nodes reach the router.
type Network struct {
	Listen []string `koanf:"listen"`
	// Announce replaces the addresses that the router publishes.
	Announce []string `koanf:"announce"`
	Region   string   `koanf:"region"`
	// Relay lets customers of nodes reach those through this router.
	Relay bool `koanf:"relay"`
}

// Gateway is where programs reach it.
type Gateway struct {
	// Listen is HOST:PORT.
	Listen string `koanf:"listen"`
	// Origins are the web pages that may call.
	Origins []string `koanf:"origins"`
	// MaxCalls run at once.
	MaxCalls int `koanf:"max_calls"`
	// MaxConnections are open at once, MaxConnectionsPerAddress of one address.
	MaxConnections           int `koanf:"max_connections"`
	MaxConnectionsPerAddress int `koanf:"max_connections_per_address"`
	// MaxMemoryMiB holds bodies of requests and answers.
	MaxMemoryMiB int `koanf:"max_memory_mib"`
	// Sessions lets customers leave their sessions' keys here.
	Sessions bool `koanf:"sessions"`
}

// Log says how the daemon speaks.
type Log struct {
	Level  string `koanf:"level"`
	Format string `koanf:"format"`
}

// Metrics is the optional Prometheus address.
type Metrics struct {
	Address string `koanf:"address"`
}

// EnvPrefix starts the variables that override the file.
const EnvPrefix = "EMC_ROUTER_"

var notSettings = []string{"HOME", "KEYRING_BACKEND", "KEYRING_HOME", "FROM"}

// Default returns the settings of a new router, without a chain.
func Default() Config {
	return Config{
		Chain:   Chain{RPC: "http://127.0.0.1:26657", GasPrices: "0.01uemc", GasAdjustment: 1.5},
		Network: Network{Listen: []string{"/ip4/0.0.0.0/tcp/4700", "/ip4/0.0.0.0/udp/4700/quic-v1"}, Announce: []string{}, Relay: true},
		Gateway: Gateway{Listen: "127.0.0.1:8080", Origins: []string{"*"}, MaxCalls: 1024, MaxConnections: 4096, MaxConnectionsPerAddress: 1024, MaxMemoryMiB: 2048, Sessions: true},
		Log:     Log{Level: "info", Format: "text"},
	}
}

const leastMemoryMiB, mostMemoryMiB = 48, 1 << 20

var chainID = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._-]{0,49}$`)

// Validate checks every setting, and names each that is wrong.
func (c Config) Validate() error {
	var errs []error
	fail := func(key, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: %s", key, fmt.Sprintf(format, args...)))
	}
	if !chainID.MatchString(c.Chain.ID) {
		fail("chain.id", "%q is not a chain id; give the id of the chain that this router serves", c.Chain.ID)
	}
	if c.Chain.RPC == "" {
		fail("chain.rpc", "is empty; give the URL of a node of the chain, such as http://127.0.0.1:26657")
	}
	if _, err := c.Chain.Prices(); err != nil {
		fail("chain.gas_prices", "%v", err)
	}
	if c.Chain.GasAdjustment < 1 || c.Chain.GasAdjustment > 10 {
		fail("chain.gas_adjustment", "%v is not between 1 and 10", c.Chain.GasAdjustment)
	}
	if c.Chain.FeeGranter != "" {
		if _, err := sdk.AccAddressFromBech32(c.Chain.FeeGranter); err != nil {
			fail("chain.fee_granter", "%q is not an address: %v", c.Chain.FeeGranter, err)
		}
	}
	if len(c.Network.Listen) == 0 {
		fail("network.listen", "is empty; nodes could not reach this router")
	}
	for _, a := range c.Network.Listen {
		if _, err := ma.NewMultiaddr(a); err != nil {
			fail("network.listen", "%q is not a multiaddress such as /ip4/0.0.0.0/tcp/4700: %v", a, err)
		}
	}
	if err := computetypes.ValidateEndpoints(c.Network.Announce); err != nil {
		fail("network.announce", "%v", err)
	}
	if err := c.Offer().Validate(computetypes.ROLE_ROUTER); err != nil {
		fail("network.region", "%v", err)
	}
	if _, _, err := net.SplitHostPort(c.Gateway.Listen); err != nil {
		fail("gateway.listen", "%q is not HOST:PORT", c.Gateway.Listen)
	}
	if c.Gateway.MaxCalls < 1 {
		fail("gateway.max_calls", "%d is not above zero", c.Gateway.MaxCalls)
	}
	if c.Gateway.MaxConnections < 1 {
		fail("gateway.max_connections", "%d is not above zero", c.Gateway.MaxConnections)
	}
	if c.Gateway.MaxConnectionsPerAddress < 1 {
		fail("gateway.max_connections_per_address", "%d is not above zero; behind a proxy give max_connections", c.Gateway.MaxConnectionsPerAddress)
	}
	if c.Gateway.MaxMemoryMiB < leastMemoryMiB || c.Gateway.MaxMemoryMiB > mostMemoryMiB {
		fail("gateway.max_memory_mib", "%d is not between %d, which holds one request, and %d", c.Gateway.MaxMemoryMiB, leastMemoryMiB, mostMemoryMiB)
	}
	switch c.Log.Level {
	case "debug", "info", "warn", "error":
	default:
		fail("log.level", "%q is none of debug, info, warn, error", c.Log.Level)
	}
	if c.Log.Format != "text" && c.Log.Format != "json" {
		fail("log.format", "%q is neither text nor json", c.Log.Format)
	}
	if c.Metrics.Address != "" {
		if _, _, err := net.SplitHostPort(c.Metrics.Address); err != nil {
			fail("metrics.address", "%q is not HOST:PORT", c.Metrics.Address)
		}
	}
	return errors.Join(errs...)
}

// Prices parses the gas prices.
func (c Chain) Prices() (sdk.DecCoins, error) { return amount.ParsePrices(c.GasPrices) }

// Offer is what the chain knows of a router: it has no slots to sell.
func (c Config) Offer() computetypes.Offer {
	return computetypes.Offer{Region: strings.ToUpper(c.Network.Region), SlotHourPrice: computetypes.Uemc(math.ZeroInt())}
}

// Load reads a file over the defaults, then the environment, and validates.
func Load(path string, environ []string) (Config, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Config{}, fmt.Errorf("there is no %s; run `emc-router init` first", path)
	}
	if err != nil {
		return Config{}, err
	}
	c := Default()
	if err := settings.Parse(settings.Source{File: data, Environ: environ, Prefix: EnvPrefix, Others: notSettings}, &c); err != nil {
		return Config{}, fmt.Errorf("%s: %w", path, err)
	}
	if err := c.Validate(); err != nil {
		return Config{}, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

var file = template.Must(template.New("config.toml").Funcs(template.FuncMap{
	"text": settings.Quote, "list": settings.QuoteList,
	"float": func(f float64) string { return strconv.FormatFloat(f, 'f', 1, 64) },
}).Parse(`# Settings of this emc-router. Every one can be overridden by the environment:
# EMC_ROUTER_CHAIN_RPC stands for chain.rpc, and so on. Unknown settings are refused.

[chain]
# The chain that this router serves, and a CometBFT RPC endpoint of one of its nodes.
id = {{text .Chain.ID}}
rpc = {{text .Chain.RPC}}
gas_prices = {{text .Chain.GasPrices}}
gas_adjustment = {{float .Chain.GasAdjustment}}
# Who pays the router's fees. Empty: its operator, by the grant made at registration.
fee_granter = {{text .Chain.FeeGranter}}

[network]
# Where nodes connect to (libp2p multiaddresses).
listen = {{list .Network.Listen}}
# What the router publishes instead of the addresses found: announce = ["/ip4/203.0.113.7/tcp/4700"]
announce = {{list .Network.Announce}}
# region: ISO 3166, such as "DE" or "US-CA". Empty: not told.
region = {{text .Network.Region}}
# relay: customers of jobs and sessions reach nodes behind a NAT through this router.
relay = {{.Network.Relay}}

[gateway]
# Where programs call: the base URL of an OpenAI client is http://HOST:PORT/v1. Put a TLS proxy before it on a public address.
listen = {{text .Gateway.Listen}}
# origins: web pages that may call, such as "https://chat.example"; "*" is all.
origins = {{list .Gateway.Origins}}
# max_calls that run at the same time.
max_calls = {{.Gateway.MaxCalls}}
# max_connections that are open at the same time; of one address, max_connections_per_address. Behind a proxy all come from its address:
# give the second the value of the first.
max_connections = {{.Gateway.MaxConnections}}
max_connections_per_address = {{.Gateway.MaxConnectionsPerAddress}}
# max_memory_mib holds the bodies of requests and answers, each request three times; a session gets a quarter of it, and half of max_calls.
max_memory_mib = {{.Gateway.MaxMemoryMiB}}
# sessions: customers may leave the keys of their sessions here, and call with API keys.
sessions = {{.Gateway.Sessions}}

[log]
# level: debug, info, warn or error. format: text or json.
level = {{text .Log.Level}}
format = {{text .Log.Format}}

[metrics]
# Prometheus metrics, for example "127.0.0.1:9465". Empty: none.
address = {{text .Metrics.Address}}
`))

// Write writes a new settings file. It never overwrites one.
func Write(path string, c Config) error {
	if err := c.Validate(); err != nil {
		return err
	}
	var text strings.Builder
	if err := file.Execute(&text, c); err != nil {
		return err
	}
	return settings.Create(path, text.String())
}
