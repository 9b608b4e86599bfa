package cmd

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/router/daemon"
)

func run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	root := New()
	root.SetOut(&out)
	root.SetErr(&out)
	root.SetIn(strings.NewReader(""))
	root.SetArgs(args)
	err := root.ExecuteContext(t.Context())
	return out.String(), err
}

func TestInitWritesOnce(t *testing.T) {
	h := filepath.Join(t.TempDir(), "r")
	out, err := run(t, "init", "--home", h, "--chain-id", "emc-1", "--region", "DE", "--gateway", "127.0.0.1:1234")
	require.NoError(t, err)
	require.Contains(t, out, "emc1")
	key, err := os.ReadFile(filepath.Join(h, "node_key.json"))
	require.NoError(t, err)
	settings, err := os.ReadFile(filepath.Join(h, "config.toml"))
	require.NoError(t, err)
	require.Contains(t, string(settings), `listen = "127.0.0.1:1234"`)
	_, err = run(t, "init", "--home", h, "--chain-id", "emc-2")
	require.ErrorContains(t, err, "not overwritten")
	after, err := os.ReadFile(filepath.Join(h, "node_key.json"))
	require.NoError(t, err)
	require.Equal(t, key, after)
	for _, args := range [][]string{{}, {"--chain-id", "emc-1", "--gateway", "here"}, {"--chain-id", "emc-1", "--region", "x"}, {"--localnet", "/nowhere"}} {
		h := filepath.Join(t.TempDir(), "r")
		_, err := run(t, append([]string{"init", "--home", h}, args...)...)
		require.Error(t, err, args)
		require.NoDirExists(t, h)
	}
}

// Errors say what to do next.
func TestWords(t *testing.T) {
	h := filepath.Join(t.TempDir(), "r")
	_, err := run(t, "status", "--home", h)
	require.ErrorContains(t, err, "emc-router init")
	_, err = run(t, "init", "--home", h, "--chain-id", "emc-1", "--rpc", "http://127.0.0.1:1")
	require.NoError(t, err)
	_, err = run(t, "status", "--home", h)
	require.ErrorContains(t, err, "emc-router start")
	_, err = run(t, "cover", "--home", h, "me", "1emc")
	require.ErrorContains(t, err, "NODE")
	_, err = run(t, "cover", "--home", h, "emc1hjgwkfn7cluyym8efs708gd4ludavl0ucetrr3", "1")
	require.ErrorContains(t, err, "AMOUNT")
	_, err = run(t, "register", "--home", h, "--stake", "10emc")
	require.ErrorContains(t, err, "--from")
	const session = "0123456789abcdef0123456789abcdef"
	_, err = run(t, "gateway", "x", "--key", "calls", "--home", h)
	require.ErrorContains(t, err, "SESSION")
	_, err = run(t, "gateway", session, "--key", "calls", "--home", h)
	require.ErrorContains(t, err, "--chain-id")
	_, err = run(t, "gateway", session, "--key", "calls", "--home", h, "--chain-id", "emc-1", "--listen", "here")
	require.ErrorContains(t, err, "--listen")
	out, err := run(t, "doctor", "--home", h)
	require.Error(t, err)
	require.Contains(t, out, "FAIL  chain")
}

func TestStatusIsReadable(t *testing.T) {
	s := daemon.Status{
		Router: "emc1router", ChainID: "emc-1", Gateway: "http://127.0.0.1:8080/v1", Problem: "this router is not registered",
		Apps: []daemon.App{{ID: "my-model", Nodes: 3, Ready: 2, UnitPrice: 10, Typical: 1500 * time.Microsecond}},
		Nodes: []daemon.Node{
			{Address: "emc1a", Breaker: "closed", Accepting: true, Apps: []daemon.NodeApp{{ID: "my-model", Ready: true, Running: 1, Capacity: 2}}},
			{Address: "emc1b", Breaker: "open", Accepting: true, Apps: []daemon.NodeApp{{ID: "my-model", Ready: true}}},
			{Address: "emc1c", Breaker: "closed", Accepting: true, Proving: true, Apps: []daemon.NodeApp{{ID: "my-model"}}},
		},
	}
	var out bytes.Buffer
	require.NoError(t, printStatus(&out, s))
	for _, words := range []string{"not registered", "0.00001 EMC", "1.5ms", "emc1a  my-model  ready", "emc1b  my-model  failing", "emc1c  my-model  proving"} {
		require.Contains(t, out.String(), words)
	}
}
