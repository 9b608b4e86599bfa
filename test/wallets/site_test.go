package wallets

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cosmos/cosmos-sdk/codec"
	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/app"
	"github.com/edgematrix/emc/app/apptest"
	"github.com/edgematrix/emc/test/e2e/rig"
	"github.com/edgematrix/emc/test/nodejs"
)

// purses is how many wallets the network knows.
const purses = 40

// site is a network, a wallet, and what succeeded so far.
type site struct {
	app       *app.App
	net       *rig.Network
	wallet    *driver
	js        string
	validator *key
	free      chan *key
	sent      atomic.Int64

	mu   sync.Mutex
	good map[string]map[string]int // mode → message → how often
}

// sideBySide is how many tests run at once: they wait for blocks more than they compute.
const sideBySide = 24

func TestMain(m *testing.M) {
	flag.Parse()
	if err := rig.SideBySide(sideBySide); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

func newSite(t *testing.T) *site {
	t.Helper()
	if testing.Short() {
		t.Skip("a live network is left out under -short")
	}
	nodejs.Needs(t, nodejs.Check(t.Context()))
	root, err := rig.Root()
	require.NoError(t, err)
	s := &site{
		app: apptest.NewApp(t, nil), js: filepath.Join(root, "test", "wallets", "js"), free: make(chan *key, purses),
		good: map[string]map[string]int{direct: {}, amino: {}},
	}
	nodejs.Needs(t, nodejs.Install(t.Context(), s.js))

	bin := rig.Binaries(filepath.Join(root, "build", "test"))
	if given := os.Getenv("EMC_E2E_BIN"); given != "" {
		if !filepath.IsAbs(given) {
			given = filepath.Join(root, given)
		}
		bin = rig.Binaries(given)
	} else {
		require.NoError(t, rig.GoBuild(t.Context(), root, bin.Emcd(), "./cmd/emcd"))
	}
	s.validator, err = newKey("validator")
	require.NoError(t, err)
	var keys []*key
	for i := range purses {
		k, err := newKey(fmt.Sprint("wallet ", i))
		require.NoError(t, err)
		keys = append(keys, k)
		s.free <- k
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "config.yml")
	require.NoError(t, os.WriteFile(file, []byte(config(s.validator, keys)), 0o600))
	s.net, err = rig.StartNetwork(t.Context(), bin, filepath.Join(dir, "net"), file)
	require.NoError(t, err)
	t.Cleanup(func() {
		s.net.Kill()
		if t.Failed() {
			t.Logf("the node said:\n%s", rig.Tail(s.net.Process().Output(), 25))
		}
	})
	s.wallet, err = startDriver(t.Context(), s.js, s.net.RPC, s.net.REST)
	require.NoError(t, err)
	t.Cleanup(s.wallet.kill)
	return s
}

// borrow takes a wallet with money until the test ends.
func (s *site) borrow(t *testing.T) *key {
	t.Helper()
	select {
	case k := <-s.free:
		t.Cleanup(func() { s.free <- k })
		return k
	case <-t.Context().Done():
		t.Fatal("no wallet is free")
		return nil
	}
}

// send sends a message by RPC and REST in turn, and keeps the books of what succeeded.
func (s *site) send(t *testing.T, k *key, mode, url string, value json.RawMessage) outcome {
	t.Helper()
	via := []string{rpc, rest}[s.sent.Add(1)%2]
	o, err := s.wallet.send(t.Context(), k, request{Mode: mode, Via: via, TypeURL: url, Value: value})
	require.NoError(t, err)
	if o.Code == 0 {
		s.succeeded(mode, strings.TrimPrefix(url, "/"))
	}
	return o
}

func (s *site) succeeded(mode, message string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.good[mode][message]++
}

// try sends one of our messages.
func (s *site) try(t *testing.T, k *key, mode string, message sdk.Msg) outcome {
	t.Helper()
	value, err := codec.ProtoMarshalJSON(message, s.app.InterfaceRegistry())
	require.NoError(t, err)
	return s.send(t, k, mode, sdk.MsgTypeURL(message), value)
}

// must sends one of our messages, which has to succeed.
func (s *site) must(t *testing.T, k *key, mode string, message sdk.Msg) {
	t.Helper()
	requireAccepted(t, sdk.MsgTypeURL(message), s.try(t, k, mode, message))
}

func requireAccepted(t *testing.T, url string, o outcome) {
	t.Helper()
	require.Zero(t, o.Code, "%s: %s", url, o)
	require.Positive(t, o.Simulated.Gas, "%s: the simulation refuses what the chain takes: %s", url, o.Simulated.Refused)
}
