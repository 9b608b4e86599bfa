package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/chainclient"
	"github.com/edgematrix/emc/pkg/identity"
	"github.com/edgematrix/emc/worker/config"
	"github.com/edgematrix/emc/worker/home"
	"github.com/edgematrix/emc/worker/runtime"
)

type fakeRuntime struct{ err error }

func (fakeRuntime) Name() string                  { return "wasm" }
func (r fakeRuntime) Check(context.Context) error { return r.err }
func (r fakeRuntime) Isolation(context.Context) (runtime.Tier, string, error) {
	return runtime.TierUser, "fake", r.err
}
func (fakeRuntime) Run(context.Context, runtime.Task) (runtime.Result, error) {
	return runtime.Result{}, nil
}

// healthyHome is all that a worker needs on its own machine.
func healthyHome(t *testing.T, rpc string) home.Home {
	h := home.Home(t.TempDir())
	require.NoError(t, os.Chmod(string(h), 0o700))
	c := config.Default()
	c.Chain.ID, c.Chain.RPC, c.Network.Listen = "emc-1", rpc, []string{"/ip4/127.0.0.1/tcp/0"}
	require.NoError(t, config.Write(h.Config(), c))
	require.NoError(t, identity.New().Create(h.Key()))
	return h
}

func examine(t *testing.T, h home.Home, r fakeRuntime, environ ...string) (map[string]Finding, bool) {
	t.Helper()
	out := map[string]Finding{}
	healthy := Examine(t.Context(), Patient{
		Home: h, Environ: environ,
		Runtimes: func(config.Config) (map[string]runtime.Runtime, error) {
			return map[string]runtime.Runtime{"wasm": r}, nil
		},
		Chain: func(c config.Config) (*chainclient.Client, error) {
			return chainclient.New(chainclient.Config{RPC: c.Chain.RPC, ChainID: c.Chain.ID})
		},
		Now: func() time.Time { return time.Date(2026, 1, 1, 0, 0, 1, 0, time.UTC) },
	}, func(f Finding) {
		require.NotEmpty(t, f.Words)
		out[f.Check] = f
	})
	require.Len(t, out, len(checks()))
	return out, healthy
}

func rpc(t *testing.T, chain, at string) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var call struct{ ID json.RawMessage }
		_ = json.NewDecoder(r.Body).Decode(&call)
		_, _ = w.Write([]byte(`{"jsonrpc":"2.0","id":` + string(call.ID) + `,"result":{"node_info":{"network":"` + chain +
			`"},"sync_info":{"latest_block_height":"7","latest_block_time":"` + at + `"},"validator_info":{}}}`))
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// taken is the address of a port that somebody else has.
func taken(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	return fmt.Sprintf("/ip4/127.0.0.1/tcp/%d", l.Addr().(*net.TCPAddr).Port)
}

const now = "2026-01-01T00:00:00Z"

func TestMachineIsHealthyWithoutTheChain(t *testing.T) {
	found, healthy := examine(t, healthyHome(t, "http://127.0.0.1:1"), fakeRuntime{})
	require.False(t, healthy)
	for _, name := range []string{checkHome, checkConfig, checkKey, checkDisk, checkSpool, checkPorts, checkRuntimes} {
		require.Equal(t, OK, found[name].Verdict, "%s: %s", name, found[name].Words)
	}
	require.Contains(t, found[checkChain].Words, "start the node")
	require.Contains(t, found[checkNode].Words, "before: chain")
}

func TestEachIllnessIsNamed(t *testing.T) {
	for _, tt := range []struct {
		name, check, words string
		harm               func(t *testing.T, h home.Home)
		runtime            fakeRuntime
		rpc                string
		environ            []string
	}{
		{name: "no home", check: checkHome, words: "emc-worker init", harm: func(t *testing.T, h home.Home) { require.NoError(t, os.RemoveAll(string(h))) }},
		{name: "open home", check: checkHome, words: "chmod 700", harm: func(t *testing.T, h home.Home) { require.NoError(t, os.Chmod(string(h), 0o755)) }},
		{name: "unknown setting", check: checkConfig, words: "chain.prc", harm: func(t *testing.T, h home.Home) {
			require.NoError(t, os.WriteFile(h.Config(), []byte("[chain]\nprc = \"x\"\n"), 0o600))
		}},
		{name: "no key", check: checkKey, words: "import", harm: func(t *testing.T, h home.Home) { require.NoError(t, os.Remove(h.Key())) }},
		{name: "damaged spool", check: checkSpool, words: "move it away", harm: func(t *testing.T, h home.Home) {
			require.NoError(t, os.WriteFile(h.Spool(), make([]byte, 8192), 0o600))
		}},
		{name: "no job runs", check: checkRuntimes, words: "no room", runtime: fakeRuntime{errors.New("no room")}},
		{name: "wrong chain", check: checkChain, words: "configured for chain emc-1", rpc: "emc-2"},
		{name: "slow clock", check: checkClock, words: "the clock is slow", rpc: "2026-01-01T00:01:00Z"},
		{name: "stalled chain", check: checkClock, words: "stands still", rpc: "2025-12-31T23:00:00Z"},
		{name: "port in use", check: checkPorts, words: "network.listen", environ: []string{"EMC_WORKER_NETWORK_LISTEN=" + taken(t)}},
		{name: "foreign address", check: checkPorts, words: "network.listen", environ: []string{"EMC_WORKER_NETWORK_LISTEN=/ip4/203.0.113.7/udp/4600/quic-v1"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			url := "http://127.0.0.1:1"
			switch tt.rpc {
			case "":
			case "emc-2":
				url = rpc(t, tt.rpc, now)
			default:
				url = rpc(t, "emc-1", tt.rpc)
			}
			h := healthyHome(t, url)
			if tt.harm != nil {
				tt.harm(t, h)
			}
			found, healthy := examine(t, h, tt.runtime, tt.environ...)
			require.False(t, healthy)
			require.Equal(t, Fail, found[tt.check].Verdict)
			require.Contains(t, found[tt.check].Words, tt.words)
		})
	}
}
