package config

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func local() Config {
	c := Default()
	c.Chain.ID = "emc-local-1"
	return c
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.toml")
	want := local()
	want.Offer.Apps, want.Offer.Region, want.Network.Announce = []string{"charlm", "hello"}, "DE", []string{"/ip4/203.0.113.7/tcp/4600"}
	want.Storage.RetainAccepted = 90 * time.Second
	want.Docker = Docker{Enable: true, Host: "unix:///run/docker.sock", Runtime: "runsc", ImageBytes: "1GiB", Egress: true}
	want.Proof = Proof{Threads: 3, Memory: "256MiB", Log2N: 11}
	require.NoError(t, Write(path, want))
	got, err := Load(path, nil)
	require.NoError(t, err)
	require.Equal(t, want, got)
	st, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), st.Mode().Perm())
	require.ErrorContains(t, Write(path, want), "not overwritten")
}

func TestUnknownKeysAreNamed(t *testing.T) {
	_, err := Parse([]byte("[chain]\nid = \"a-1\"\nprc = \"x\"\n[ofer]\nslots = 2\n"), nil)
	require.ErrorContains(t, err, "chain.prc")
	require.ErrorContains(t, err, "ofer.slots")
	_, err = Parse([]byte("[chain]\nid = \"a-1\"\n"), []string{"EMC_WORKER_CHAIN_PRC=x"})
	require.ErrorContains(t, err, "EMC_WORKER_CHAIN_PRC")
	_, err = Parse([]byte("[chain\n"), nil)
	require.ErrorContains(t, err, "TOML")
}

func TestEnvironmentOverrides(t *testing.T) {
	c, err := Parse([]byte("[chain]\nid = \"a-1\"\n"), []string{
		"EMC_WORKER_CHAIN_RPC=http://node:1", "EMC_WORKER_OFFER_SLOTS=3", "EMC_WORKER_OFFER_APPS=charlm, hello",
		"EMC_WORKER_STORAGE_RETAIN_LOGS=1h", "EMC_WORKER_HOME=/x", "OTHER=1",
	})
	require.NoError(t, err)
	require.Equal(t, "http://node:1", c.Chain.RPC)
	require.Equal(t, uint32(3), c.Offer.Slots)
	require.Equal(t, []string{"charlm", "hello"}, c.Offer.Apps)
	require.Equal(t, time.Hour, c.Storage.RetainLogs)
}

func TestValidateNamesWhatIsWrong(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"no chain", func(c *Config) { c.Chain.ID = "" }, "chain.id"},
		{"no rpc", func(c *Config) { c.Chain.RPC = "" }, "chain.rpc"},
		{"gas price", func(c *Config) { c.Chain.GasPrices = "cheap" }, "chain.gas_prices"},
		{"adjustment", func(c *Config) { c.Chain.GasAdjustment = 0.5 }, "chain.gas_adjustment"},
		{"granter", func(c *Config) { c.Chain.FeeGranter = "cosmos1abc" }, "chain.fee_granter"},
		{"price in another coin", func(c *Config) { c.Offer.Price = "1atom" }, "price"},
		{"price too fine", func(c *Config) { c.Offer.Price = "0.0000001emc" }, "finer"},
		{"negative price", func(c *Config) { c.Offer.Price = "-1emc" }, "negative"},
		{"no slots", func(c *Config) { c.Offer.Slots = 0 }, "slots"},
		{"region", func(c *Config) { c.Offer.Region = "Germany" }, "region"},
		{"nothing served", func(c *Config) { c.Offer.Runtimes = nil }, "at least one"},
		{"runtime", func(c *Config) { c.Offer.Runtimes = []string{"podman"} }, "offer.runtimes"},
		{"listen", func(c *Config) { c.Network.Listen = []string{"0.0.0.0:1"} }, "network.listen"},
		{"nowhere", func(c *Config) { c.Network.Listen = nil }, "network.listen"},
		{"announce", func(c *Config) { c.Network.Announce = []string{"x y"} }, "network.announce"},
		{"size", func(c *Config) { c.Storage.MaxBytes = "much" }, "storage.max_bytes"},
		{"zero size", func(c *Config) { c.Storage.AppsBytes = "0GiB" }, "storage.apps_bytes"},
		{"remote engine", func(c *Config) { c.Docker.Host = "tcp://10.0.0.1:2375" }, "docker.host"},
		{"images", func(c *Config) { c.Docker.ImageBytes = "0" }, "docker.image_bytes"},
		{"oci runtime", func(c *Config) { c.Docker.Runtime = "run sc" }, "docker.runtime"},
		{"threads", func(c *Config) { c.Proof.Threads = -1 }, "proof.threads"},
		{"memory of proofs", func(c *Config) { c.Proof.Memory = "1GB" }, "proof.memory"},
		{"size of matrices", func(c *Config) { c.Proof.Log2N = 9 }, "proof.log2_n"},
		{"retention", func(c *Config) { c.Storage.RetainLogs = -1 }, "storage.retain_logs"},
		{"level", func(c *Config) { c.Log.Level = "loud" }, "log.level"},
		{"format", func(c *Config) { c.Log.Format = "xml" }, "log.format"},
		{"metrics", func(c *Config) { c.Metrics.Address = "nine" }, "metrics.address"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := local()
			tt.change(&c)
			require.ErrorContains(t, c.Validate(), tt.want)
		})
	}
	require.NoError(t, local().Validate())
}

func TestRuntimesInUse(t *testing.T) {
	for name, tt := range map[string]struct {
		apps, runtimes []string
		enable         bool
		wasm, docker   bool
	}{
		"every wasm app":    {runtimes: []string{"wasm"}, wasm: true},
		"every docker app":  {runtimes: []string{"docker"}, docker: true},
		"both":              {runtimes: []string{"wasm", "docker"}, wasm: true, docker: true},
		"one app":           {apps: []string{"charlm"}, wasm: true},
		"one app of either": {apps: []string{"ocr"}, enable: true, wasm: true, docker: true},
	} {
		t.Run(name, func(t *testing.T) {
			c := local()
			c.Offer.Apps, c.Offer.Runtimes, c.Docker.Enable = tt.apps, tt.runtimes, tt.enable
			require.Equal(t, tt.wasm, c.UsesWasm())
			require.Equal(t, tt.docker, c.UsesDocker())
		})
	}
}

func TestParseBytes(t *testing.T) {
	for text, want := range map[string]int64{"1": 1, "512MiB": 512 << 20, "32 GiB": 32 << 30, "7B": 7} {
		n, err := ParseBytes(text)
		require.NoError(t, err)
		require.Equal(t, want, n)
	}
	for _, bad := range []string{"", "0", "-1", "1.5GiB", "1GB", "9999999999999TiB"} {
		_, err := ParseBytes(bad)
		require.Error(t, err, bad)
	}
}
