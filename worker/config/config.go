// Package config holds the worker's settings: defaults, the file config.toml,
// and what the environment (EMC_WORKER_*) changes. A key that nobody knows is
// an error that names it: a misspelt setting must not be ignored.
package config

import (
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"
	"time"

	ma "github.com/multiformats/go-multiaddr"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/amount"
	_ "github.com/edgematrix/emc/pkg/bech32" // addresses below are read with EMC's prefix
	"github.com/edgematrix/emc/pkg/proof"
	"github.com/edgematrix/emc/worker/relays"
	"github.com/edgematrix/emc/worker/runtime"
	computetypes "github.com/edgematrix/emc/x/compute/types"
)

// Config is everything that an operator can set.
type Config struct {
	Chain   Chain   `koanf:"chain"`
	Offer   Offer   `koanf:"offer"`
	Network Network `koanf:"network"`
	Storage Storage `koanf:"storage"`
	Docker  Docker  `koanf:"docker"`
	Proof   Proof   `koanf:"proof"`
	Calls   Calls   `koanf:"calls"`
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

// Offer is what the node sells; the operator's transaction carries it.
type Offer struct {
	Price    string   `koanf:"price"`
	Slots    uint32   `koanf:"slots"`
	Region   string   `koanf:"region"`
	Apps     []string `koanf:"apps"`
	Runtimes []string `koanf:"runtimes"`
}

// Network is where customers reach the node.
type Network struct {
	Listen []string `koanf:"listen"`
	// Announce replaces the addresses that the node publishes.
	Announce []string `koanf:"announce"`
	// Relay is when routers bring customers to the node who cannot reach it directly: auto, always or never.
	Relay string `koanf:"relay"`
}

// Storage bounds what jobs may keep on the disk. Sizes such as 32GiB.
type Storage struct {
	MaxBytes       string        `koanf:"max_bytes"`
	MaxJobBytes    string        `koanf:"max_job_bytes"`
	AppsBytes      string        `koanf:"apps_bytes"`
	RetainOutputs  time.Duration `koanf:"retain_outputs"`
	RetainAccepted time.Duration `koanf:"retain_accepted"`
	RetainLogs     time.Duration `koanf:"retain_logs"`
}

// Docker tells of the Engine that runs containers. It matters only with apps of
// the docker runtime.
type Docker struct {
	// Enable runs docker apps that offer.apps names, without serving every one.
	Enable bool `koanf:"enable"`
	// Host is the Engine's unix socket as unix:///path; empty takes DOCKER_HOST,
	// or the Engine's default.
	Host string `koanf:"host"`
	// Runtime is the OCI runtime; empty takes the strongest that works.
	Runtime string `koanf:"runtime"`
	// ImageBytes bounds the images that the worker keeps in the Engine.
	ImageBytes string `koanf:"image_bytes"`
	// Egress offers jobs a filtered way to the internet.
	Egress bool `koanf:"egress"`
}

// Proof says how the node proves its computing power.
type Proof struct {
	// Enabled is on; without it the node has no power E and earns no emission.
	Enabled bool `koanf:"enabled"`
	// Threads is how many cores prove; 0 is all.
	Threads int `koanf:"threads"`
	// Memory bounds what the prover allocates, such as 1GiB.
	Memory string `koanf:"memory"`
	// Log2N is the logarithm of the matrices' size; 0 is what suits this machine.
	Log2N int `koanf:"log2_n"`
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

// Default returns the settings of a new worker, without a chain.
func Default() Config {
	return Config{
		Chain:   Chain{RPC: "http://127.0.0.1:26657", GasPrices: "0.01uemc", GasAdjustment: 1.5},
		Offer:   Offer{Price: "0.36emc", Slots: 1, Apps: []string{}, Runtimes: []string{"wasm"}},
		Network: Network{Listen: []string{"/ip4/0.0.0.0/tcp/4600", "/ip4/0.0.0.0/udp/4600/quic-v1"}, Announce: []string{}, Relay: string(relays.Auto)},
		Storage: Storage{
			MaxBytes: "32GiB", MaxJobBytes: "8GiB", AppsBytes: "8GiB",
			RetainOutputs: 7 * 24 * time.Hour, RetainAccepted: time.Hour, RetainLogs: 30 * 24 * time.Hour,
		},
		Docker: Docker{ImageBytes: "16GiB"},
		Proof:  Proof{Enabled: true, Memory: "1GiB"},
		Calls:  Calls{Credit: "0.1emc", Unwritten: "0.01emc", RedeemAmount: "10emc", RedeemAge: 15 * time.Minute, Routers: []string{}},
		Log:    Log{Level: "info", Format: "text"},
	}
}

// maxThreads is more than any machine has.
const maxThreads = 4096

// ChainIDPattern is the form of a chain id.
var chainIDPattern = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._-]{0,49}$`)

// Validate checks every setting, and names each that is wrong.
func (c Config) Validate() error {
	var errs []error
	fail := func(key, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: %s", key, fmt.Sprintf(format, args...)))
	}
	if c.Chain.ID == "" {
		fail("chain.id", "is empty; give the id of the chain that this worker serves")
	} else if !chainIDPattern.MatchString(c.Chain.ID) {
		fail("chain.id", "%q is not a chain id", c.Chain.ID)
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
	if _, err := c.Offer.Chain(Measured{}); err != nil {
		fail("offer", "%v", err)
	}
	for _, r := range c.Offer.Runtimes {
		if r != computetypes.RuntimeWasm && r != computetypes.RuntimeDocker {
			fail("offer.runtimes", "%q is not a runtime of this worker; it has: wasm, docker", r)
		}
	}
	errs = append(errs, c.Docker.validate()...)
	errs = append(errs, c.Proof.validate()...)
	errs = append(errs, c.Calls.validate()...)
	errs = append(errs, c.Network.validate()...)
	errs = append(errs, c.Storage.validate()...)
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

// UsesWasm and UsesDocker tell which runtimes the offer needs. An app that is
// named may be of either, so the embedded runtime is always there for it.
func (c Config) UsesWasm() bool {
	return slices.Contains(c.Offer.Runtimes, computetypes.RuntimeWasm) || len(c.Offer.Apps) > 0 || !c.UsesDocker()
}

// UsesDocker tells whether the Engine is needed.
func (c Config) UsesDocker() bool {
	return c.Docker.Enable || slices.Contains(c.Offer.Runtimes, computetypes.RuntimeDocker)
}

// Prices parses the gas prices.
func (c Chain) Prices() (sdk.DecCoins, error) { return amount.ParsePrices(c.GasPrices) }

// Measured is what the offer says of the machine, as it was found.
type Measured struct {
	Hardware  computetypes.Hardware
	Isolation runtime.Tier
	Egress    bool
}

// Chain returns the offer as the chain knows it, for what was measured of this
// machine, and checks it.
func (o Offer) Chain(measured Measured) (computetypes.Offer, error) {
	price, err := amount.ParseCoin(o.Price)
	if err != nil {
		return computetypes.Offer{}, fmt.Errorf("price: %w", err)
	}
	out := computetypes.Offer{
		Hardware: measured.Hardware, Region: strings.ToUpper(o.Region), Slots: o.Slots, SlotHourPrice: price,
		Apps: o.Apps, Runtimes: o.Runtimes, Isolation: uint32(measured.Isolation), Egress: measured.Egress,
	}
	return out, out.Validate(computetypes.ROLE_COMPUTING)
}

func (d Docker) validate() []error {
	var errs []error
	if d.Host != "" && !strings.HasPrefix(d.Host, "unix:///") {
		errs = append(errs, fmt.Errorf("docker.host: %q is not a local socket such as unix:///var/run/docker.sock; jobs run on this machine", d.Host))
	}
	if _, err := ParseBytes(d.ImageBytes); err != nil {
		errs = append(errs, fmt.Errorf("docker.image_bytes: %w", err))
	}
	if strings.ContainsAny(d.Runtime, " /\"\t\n") {
		errs = append(errs, fmt.Errorf("docker.runtime: %q is not the name of a runtime, such as runsc", d.Runtime))
	}
	return errs
}

func (p Proof) validate() []error {
	var errs []error
	if p.Threads < 0 || p.Threads > maxThreads {
		errs = append(errs, fmt.Errorf("proof.threads: %d is not between 1 and %d, or 0 for all cores", p.Threads, maxThreads))
	}
	if _, err := ParseBytes(p.Memory); err != nil {
		errs = append(errs, fmt.Errorf("proof.memory: %w", err))
	}
	if p.Log2N != 0 && (p.Log2N < proof.MinLogN || p.Log2N > proof.MaxLogN) {
		errs = append(errs, fmt.Errorf("proof.log2_n: %d is not between %d and %d, or 0 for what suits this machine", p.Log2N, proof.MinLogN, proof.MaxLogN))
	}
	return errs
}

func (n Network) validate() []error {
	var errs []error
	if len(n.Listen) == 0 {
		errs = append(errs, errors.New("network.listen: is empty; customers could not reach this worker"))
	}
	for _, a := range n.Listen {
		if _, err := ma.NewMultiaddr(a); err != nil {
			errs = append(errs, fmt.Errorf("network.listen: %q is not a multiaddress such as /ip4/0.0.0.0/tcp/4600: %w", a, err))
		}
	}
	if err := computetypes.ValidateEndpoints(n.Announce); err != nil {
		errs = append(errs, fmt.Errorf("network.announce: %w", err))
	}
	if _, err := relays.Parse(n.Relay); err != nil {
		errs = append(errs, fmt.Errorf("network.relay: %w", err))
	}
	return errs
}

func (s Storage) validate() []error {
	var errs []error
	for _, v := range []struct{ key, value string }{
		{"max_bytes", s.MaxBytes}, {"max_job_bytes", s.MaxJobBytes}, {"apps_bytes", s.AppsBytes},
	} {
		if _, err := ParseBytes(v.value); err != nil {
			errs = append(errs, fmt.Errorf("storage.%s: %w", v.key, err))
		}
	}
	for _, v := range []struct {
		key   string
		value time.Duration
	}{{"retain_outputs", s.RetainOutputs}, {"retain_accepted", s.RetainAccepted}, {"retain_logs", s.RetainLogs}} {
		if v.value < 0 {
			errs = append(errs, fmt.Errorf("storage.%s: %s is negative", v.key, v.value))
		}
	}
	return errs
}
