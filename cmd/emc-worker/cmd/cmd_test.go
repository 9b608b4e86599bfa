package cmd

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cosmossdk.io/math"

	"github.com/edgematrix/emc/pkg/identity"
	"github.com/edgematrix/emc/worker/daemon"
	"github.com/edgematrix/emc/worker/power"
	computetypes "github.com/edgematrix/emc/x/compute/types"
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

func TestInitWritesOnceAndKeepsTheKey(t *testing.T) {
	h := filepath.Join(t.TempDir(), "w")
	out, err := run(t, "init", "--home", h, "--chain-id", "emc-1", "--price", "0.5emc", "--region", "DE", "--serve", "charlm")
	require.NoError(t, err)
	require.Contains(t, out, "emc1")
	key, err := os.ReadFile(filepath.Join(h, "node_key.json"))
	require.NoError(t, err)
	settings, err := os.ReadFile(filepath.Join(h, "config.toml"))
	require.NoError(t, err)
	require.Contains(t, string(settings), `apps = ["charlm"]`)
	require.Contains(t, string(settings), `runtimes = []`, "--serve alone serves nothing else")

	_, err = run(t, "init", "--home", h, "--chain-id", "emc-2")
	require.ErrorContains(t, err, "not overwritten")
	after, err := os.ReadFile(filepath.Join(h, "node_key.json"))
	require.NoError(t, err)
	require.Equal(t, key, after)
}

func TestBadSettingsWriteNothing(t *testing.T) {
	for _, args := range [][]string{
		{}, {"--chain-id", "emc-1", "--price", "1atom"}, {"--chain-id", "emc-1", "--price", "-1emc"}, {"--chain-id", "emc-1", "--slots", "0"},
		{"--chain-id", "emc-1", "--region", "x"}, {"--chain-id", "emc-1", "--listen", "here"}, {"--localnet", "/nowhere"},
		{"--chain-id", "emc-1", "--runtimes", "podman"}, {"--chain-id", "emc-1", "--gas-prices", "1"},
	} {
		h := filepath.Join(t.TempDir(), "w")
		_, err := run(t, append([]string{"init", "--home", h}, args...)...)
		require.Error(t, err, args)
		_, err = os.Stat(h)
		require.ErrorIs(t, err, os.ErrNotExist, args)
	}
}

func TestUpRefusesFlagsThatWouldBeIgnored(t *testing.T) {
	h := filepath.Join(t.TempDir(), "w")
	_, err := run(t, "init", "--home", h, "--chain-id", "emc-1", "--rpc", "http://127.0.0.1:1")
	require.NoError(t, err)
	_, err = run(t, "up", "--home", h, "--price", "9emc", "--slots", "1")
	require.ErrorContains(t, err, "--price 9emc (the settings say 0.36emc)")
	require.NotContains(t, err.Error(), "--slots")
	_, err = run(t, "up", "--home", h, "--stake", "0.0000001emc")
	require.ErrorContains(t, err, "--stake")
}

func TestCommandsNameWhatIsMissing(t *testing.T) {
	h := filepath.Join(t.TempDir(), "w")
	for _, args := range [][]string{{"start"}, {"status"}, {"drain"}, {"register"}, {"retire"}, {"app", "list"}} {
		_, err := run(t, append(args, "--home", h)...)
		require.ErrorContains(t, err, "emc-worker init", args)
	}
	_, err := run(t, "init", "--home", h, "--chain-id", "emc-1", "--rpc", "http://127.0.0.1:1")
	require.NoError(t, err)
	_, err = run(t, "register", "--home", h)
	require.ErrorContains(t, err, "--from")
	_, err = run(t, "register", "--home", h, "--operator", "emc1x")
	require.ErrorContains(t, err, "--generate-only")
	_, err = run(t, "register", "--home", h, "--operator", "cosmos1x", "--generate-only")
	require.ErrorContains(t, err, "not an address")
	_, err = run(t, "register", "--home", h, "--from", "nobody", "--keyring-backend", "test", "--keyring-home", h)
	require.ErrorContains(t, err, "nobody")
}

func TestMoveANode(t *testing.T) {
	dir := t.TempDir()
	from, to, file := filepath.Join(dir, "a"), filepath.Join(dir, "b"), filepath.Join(dir, "node.age")
	secret := filepath.Join(dir, "secret")
	require.NoError(t, os.WriteFile(secret, []byte("correct horse battery\n"), 0o600))
	_, err := run(t, "init", "--home", from, "--chain-id", "emc-1")
	require.NoError(t, err)
	_, err = run(t, "export", "--home", from, "--out", file, "--passphrase-file", secret)
	require.NoError(t, err)
	_, err = run(t, "export", "--home", from, "--out", file, "--passphrase-file", secret)
	require.ErrorContains(t, err, "not overwritten")
	_, err = run(t, "import", file, "--home", from, "--passphrase-file", secret)
	require.ErrorContains(t, err, "not overwritten")
	_, err = run(t, "import", file, "--home", to, "--passphrase-file", secret)
	require.NoError(t, err)
	_, err = run(t, "init", "--home", to, "--chain-id", "emc-1")
	require.NoError(t, err, "init keeps an imported key")
	a, err := identity.Load(filepath.Join(from, "node_key.json"))
	require.NoError(t, err)
	b, err := identity.Load(filepath.Join(to, "node_key.json"))
	require.NoError(t, err)
	require.Equal(t, a.Address(), b.Address())
}

func TestDrainWithoutADaemon(t *testing.T) {
	h := filepath.Join(t.TempDir(), "w")
	_, err := run(t, "init", "--home", h, "--chain-id", "emc-1", "--rpc", "http://127.0.0.1:1")
	require.NoError(t, err)
	out, err := run(t, "drain", "--home", h)
	require.NoError(t, err)
	require.Contains(t, out, "from the next start on")
	out, err = run(t, "status", "--home", h, "--json")
	require.NoError(t, err)
	require.Contains(t, out, `"draining": true`)
	require.Contains(t, out, "does not answer")
	_, err = run(t, "drain", "--off", "--home", h)
	require.NoError(t, err)
}

func TestAppsAreKept(t *testing.T) {
	h := filepath.Join(t.TempDir(), "w")
	_, err := run(t, "init", "--home", h, "--chain-id", "emc-1")
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "a.wasm")
	require.NoError(t, os.WriteFile(file, []byte("x"), 0o600))
	added, err := run(t, "app", "add", file, "--home", h)
	require.NoError(t, err)
	list, err := run(t, "app", "list", "--home", h)
	require.NoError(t, err)
	require.Equal(t, added, list)
	_, err = run(t, "app", "add", file+"x", "--home", h)
	require.Error(t, err)
}

func TestStatusShowsPower(t *testing.T) {
	p := power.Off()
	p.Enabled, p.State, p.Backend, p.N, p.Threads = true, "waiting for a window", "avx2", 2048, 8
	p.Market, p.Proven, p.Proved, p.Missed, p.Silent = 1_500_000, 2_000_000, 40, 2, 1
	p.Claimable, p.Frozen, p.Share = math.NewInt(3_250_000), 12*time.Second, 0.0067
	r := report{Running: true, Status: daemon.Status{Power: p, OnChain: &computetypes.NodeView{Node: computetypes.Node{Stake: math.ZeroInt(), Deposit: math.ZeroInt(),
		Offer: computetypes.Offer{SlotHourPrice: computetypes.Uemc(math.ZeroInt())}}}, Earned: daemon.Earned{Uemc: math.ZeroInt()}}}
	var out bytes.Buffer
	printStatus(&out, r)
	for _, line := range []string{
		"proof     waiting for a window; avx2, n = 2048, 8 threads\n", "proven    2 E in the last proof\n",
		"windows   40 proved, 1 silent, 0 wrong; 2 of the last ones missed\n", "rewards   3.25 EMC claimable by the operator\n",
		"frozen    12s, 0.67 % of the time since the start\n",
	} {
		require.Contains(t, out.String(), line)
	}
	r.Power = power.Off()
	out.Reset()
	printStatus(&out, r)
	require.Contains(t, out.String(), "proof     off\n")
}
