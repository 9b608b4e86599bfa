package config

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// What is written is what is read; the environment goes before the file, and what nobody knows is refused.
func TestWriteAndLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.toml")
	c := Default()
	require.ErrorContains(t, Write(path, c), "chain.id")
	c.Chain.ID, c.Network.Region, c.Gateway.Origins = "emc-1", "de-be", []string{"https://a.example", `"quoted"`}
	require.NoError(t, Write(path, c))
	require.ErrorContains(t, Write(path, c), "exists already")
	got, err := Load(path, nil)
	require.NoError(t, err)
	require.Equal(t, c, got)
	require.Equal(t, "DE-BE", got.Offer().Region)
	got, err = Load(path, []string{"EMC_ROUTER_GATEWAY_LISTEN=0.0.0.0:80", "EMC_ROUTER_GATEWAY_MAX_MEMORY_MIB=64", "EMC_ROUTER_NETWORK_LISTEN=/ip4/1.2.3.4/tcp/1,/ip4/1.2.3.4/tcp/2", "EMC_ROUTER_HOME=/x", "EMC_WORKER_X=1"})
	require.NoError(t, err)
	require.Equal(t, "0.0.0.0:80", got.Gateway.Listen)
	require.Len(t, got.Network.Listen, 2)
	require.Equal(t, 64, got.Gateway.MaxMemoryMiB)
	_, err = Load(path, []string{"EMC_ROUTER_GATEWAY_LISTNE=x"})
	require.ErrorContains(t, err, "unknown setting EMC_ROUTER_GATEWAY_LISTNE")
}

func TestBadSettings(t *testing.T) {
	for words, change := range map[string]func(*Config){
		"chain.id": func(c *Config) { c.Chain.ID = "" }, "chain.rpc": func(c *Config) { c.Chain.RPC = "" }, "chain.gas_prices": func(c *Config) { c.Chain.GasPrices = "x" },
		"chain.gas_adjustment": func(c *Config) { c.Chain.GasAdjustment = 0 }, "chain.fee_granter": func(c *Config) { c.Chain.FeeGranter = "me" },
		"network.listen": func(c *Config) { c.Network.Listen = nil }, "is not a multiaddress": func(c *Config) { c.Network.Listen = []string{"x"} },
		"network.announce": func(c *Config) { c.Network.Announce = []string{"x"} }, "network.region": func(c *Config) { c.Network.Region = "Berlin" },
		"gateway.listen": func(c *Config) { c.Gateway.Listen = "x" }, "gateway.max_calls": func(c *Config) { c.Gateway.MaxCalls = 0 },
		"gateway.max_connections:": func(c *Config) { c.Gateway.MaxConnections = 0 }, "gateway.max_connections_per_address": func(c *Config) { c.Gateway.MaxConnectionsPerAddress = 0 },
		"gateway.max_memory_mib": func(c *Config) { c.Gateway.MaxMemoryMiB = 47 }, "is not between": func(c *Config) { c.Gateway.MaxMemoryMiB = 1 << 40 },
		"log.level": func(c *Config) { c.Log.Level = "x" }, "log.format": func(c *Config) { c.Log.Format = "x" }, "metrics.address": func(c *Config) { c.Metrics.Address = "x" },
	} {
		c := Default()
		c.Chain.ID = "emc-1"
		require.NoError(t, c.Validate())
		change(&c)
		require.ErrorContains(t, c.Validate(), words)
	}
}
