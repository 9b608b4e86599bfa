package cmd

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	svrcmd "github.com/cosmos/cosmos-sdk/server/cmd"
)

// Every file of a home can be changed by command, and a misspelt key is told.
func TestConfigSet(t *testing.T) {
	home := t.TempDir()
	set := func(args ...string) error {
		root := NewRootCmd()
		root.SetArgs(append([]string{"config", "set"}, append(args, "--home", home)...))
		return svrcmd.Execute(root, EnvPrefix, home)
	}
	for _, c := range []struct{ file, key, value, line string }{
		{"app", "minimum-gas-prices", "0.02uemc", `minimum-gas-prices = "0.02uemc"`},
		{"app", "state-sync.snapshot-interval", "50", `snapshot-interval = 50`},
		{"config", "statesync.trust_height", "77", `trust_height = 77`},
		{"config", "p2p.laddr", "tcp://127.0.0.1:1", `laddr = "tcp://127.0.0.1:1"`},
		{"client", "chain-id", "emc-x-1", `chain-id = "emc-x-1"`},
	} {
		require.NoError(t, set(c.file, c.key, c.value), c.key)
		text, err := os.ReadFile(filepath.Join(home, "config", c.file+".toml"))
		require.NoError(t, err)
		require.Contains(t, string(text), c.line)
	}
	require.ErrorContains(t, set("config", "p2p.ladr", "x"), "has no setting p2p.ladr")
	require.Error(t, set("app", "no-such-key", "x"))
}

// Keys are looked for where --keyring-dir says, in whichever backend the home has.
func TestKeyringDir(t *testing.T) {
	home, other := t.TempDir(), t.TempDir()
	run := func(args ...string) error {
		root := NewRootCmd()
		root.SetOut(io.Discard)
		root.SetArgs(append(args, "--home", home))
		return svrcmd.Execute(root, EnvPrefix, home)
	}
	require.NoError(t, run("config", "set", "client", "chain-id", "emc-x-1"))
	require.NoError(t, run("config", "set", "client", "keyring-backend", "test"))
	require.NoError(t, run("keys", "add", "operator", "--keyring-dir", other))
	require.FileExists(t, filepath.Join(other, "keyring-test", "operator.info"))
	require.NoError(t, run("keys", "show", "operator", "--keyring-dir", other))
	require.ErrorContains(t, run("keys", "show", "operator"), "operator", "the home has no such key")
}
