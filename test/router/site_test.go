package router

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/test/e2e/rig"
)

const (
	model     = "paced"
	unitPrice = 10 // uemc a token
	// patience bounds what takes some blocks on a busy machine.
	patience = 2 * time.Minute
)

// size is of what a site has to carry.
type size struct {
	deposit   int64 // uemc
	credit    int64 // uemc, what a lane may owe a worker: some tokens of a few streams
	processes int   // of a worker
	router    []string
}

var small = size{deposit: 5_000_000, credit: 20_000, processes: 16}

// config is a network whose sessions are settled soon after they are closed.
const config = `version: 1
accounts:
  - {name: validator, coins: ["1000000emc"]}
  - {name: faucet, coins: ["100000000emc"]}
  - {name: alice, coins: ["1000emc"]}
  - {name: bob, coins: ["1000emc"]}
faucet:
  name: faucet
  coins: ["100emc"]
  coins_max: ["1000emc"]
  port: 4500
  rates: {address: 600, ip: 6000, global: 6000}
validators:
  - name: validator
    bonded: "500000emc"
    app:
      api: {enable: true}
      grpc: {enable: true}
      minimum-gas-prices: "0.01uemc"
    config:
      consensus: {timeout_commit: "500ms"}
genesis:
  chain_id: emc-router-1
  app_state:
    market:
      params:
        closing_seconds: "10"
        last_seconds: "2"
`

// site is a network with a router, and programs that call.
type site struct {
	*testing.T
	ctx    context.Context
	net    *rig.Network
	router *rig.Router
	dir    string
	size

	session, key string
	// base is where programs call: the router's gateway, or one of the customer's own.
	base func() string
}

func newSite(t *testing.T, of size) *site { t.Helper(); return newSiteOf(t, of, config) }

// newSiteOf is one of a network with another config.
func newSiteOf(t *testing.T, of size, config string) *site {
	t.Helper()
	if testing.Short() {
		t.Skip("a live network is left out under -short")
	}
	root, err := rig.Root()
	require.NoError(t, err)
	bin := rig.Binaries(filepath.Join(root, "build", "test"))
	if given := os.Getenv("EMC_E2E_BIN"); given != "" {
		bin = rig.Binaries(given)
	} else {
		require.NoError(t, rig.Build(t.Context(), root, bin))
	}
	s := &site{T: t, ctx: t.Context(), dir: t.TempDir(), size: of}
	file := filepath.Join(s.dir, "config.yml")
	require.NoError(t, os.WriteFile(file, []byte(config), 0o600))
	s.net, err = rig.StartNetwork(s.ctx, bin, filepath.Join(s.dir, "net"), file)
	require.NoError(t, err)
	t.Cleanup(s.net.Kill)
	t.Log("the network is up")
	s.router = rig.NewRouter(s.net, filepath.Join(s.dir, "router"))
	s.router.Env = of.router
	require.NoError(t, s.router.Up(s.ctx))
	s.base = func() string { return s.router.URL }
	t.Cleanup(func() {
		s.router.Kill()
		if t.Failed() {
			t.Logf("the router said:\n%s", rig.Tail(s.router.Process().Output(), 30))
		}
	})
	t.Log("the router is up")
	digest, err := rig.Digest(bin.Charlm())
	require.NoError(t, err)
	_, err = s.net.Tx(s.ctx, "alice", "compute", "register-app", model, "wasm", digest, "--interface", "openai", "--unit", "token")
	require.NoError(t, err)
	return s
}

// worker brings up a node that answers with an app.
func (s *site) worker(name string, a *app) *rig.Worker {
	s.Helper()
	w, err := s.bringUp(name, a)
	require.NoError(s, err)
	return w
}

func (s *site) bringUp(name string, a *app) (*rig.Worker, error) {
	w := rig.NewWorker(s.net, filepath.Join(s.dir, name))
	w.Env = []string{"EMC_WORKER_CALLS_REDEEM_AGE=2s", fmt.Sprintf("EMC_WORKER_CALLS_CREDIT=%duemc", s.credit)}
	s.Cleanup(func() {
		w.Kill()
		if s.Failed() && w.Process() != nil {
			s.Logf("%s said:\n%s", name, rig.Tail(w.Process().Output(), 30))
		}
	})
	if err := w.Up(s.ctx); err != nil {
		return w, err
	}
	_, err := w.Run(s.ctx, "service", "add", model, "--price", fmt.Sprintf("%duemc", unitPrice), "--url", a.URL, "--processes", strconv.Itoa(s.processes))
	return w, err
}

// ready waits until so many nodes take calls, with cover.
func (s *site) ready(nodes int) { s.Helper(); s.readyAt(s.router, nodes) }

func (s *site) readyAt(r *rig.Router, nodes int) {
	s.Helper()
	require.NoError(s, rig.Eventually(s.ctx, patience, "the nodes are ready", func() (bool, error) {
		status, err := r.Status(s.ctx)
		return status.Ready(model) == nodes && status.Exposure.Covered == fmt.Sprintf("%duemc", nodes*10_000_000), err
	}))
}

// open pays a deposit, and gets an API key.
func (s *site) open() { s.Helper(); s.openAt(s.router) }

func (s *site) openAt(r *rig.Router) {
	s.Helper()
	answer, err := s.net.Emcd(s.ctx, "session", "open", fmt.Sprintf("%duemc", s.deposit), "--router", r.URL, "--from", "bob", "--keyring-backend", "test")
	require.NoError(s, err)
	s.session, s.key = told(answer.Out, "session "), told(answer.Out, "API key ")
	require.NotEmpty(s, s.key, answer.Out)
}

// told is what a line that begins with a word says.
func told(text, word string) (last string) {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, word); ok {
			last = strings.TrimSpace(rest)
		}
	}
	return last
}

// stream is an answer that comes.
type stream struct {
	*http.Response
	lines *bufio.Scanner
}

// ask begins a call.
func (s *site) ask(ctx context.Context, tokens int) (*stream, error) {
	body := fmt.Sprintf(`{"model":%q,"max_tokens":%d,"stream":true,"messages":[{"role":"user","content":"count"}]}`, model, tokens)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.base()+"/chat/completions", strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+s.key)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	return &stream{answer, bufio.NewScanner(answer.Body)}, nil
}

// next is the next event's data, "" at the end.
func (s *stream) next() string {
	for s.lines.Scan() {
		if data, ok := strings.CutPrefix(s.lines.Text(), "data: "); ok {
			return data
		}
	}
	return ""
}

// whole reads an answer that has to come to its end.
func (s *site) whole(tokens int) {
	s.Helper()
	var a *stream
	require.NoError(s, rig.Eventually(s.ctx, patience, "a node takes the call", func() (bool, error) {
		var err error
		if a, err = s.ask(s.ctx, tokens); err != nil {
			return false, err
		}
		if a.StatusCode == http.StatusOK {
			return true, nil
		}
		defer a.Body.Close()
		return false, fmt.Errorf("status %d", a.StatusCode)
	}))
	defer a.Body.Close()
	for i := range tokens {
		require.Contains(s, a.next(), fmt.Sprintf(`"%d "`, i))
	}
	require.Equal(s, "[DONE]", a.next())
}

// moreKeys makes a key with the present one, as JSON says.
func (s *site) moreKeys(of string) string {
	s.Helper()
	var made struct {
		Key string `json:"key"`
	}
	s.manage(http.MethodPost, "/emc/v1/keys", of, &made)
	require.NotEmpty(s, made.Key)
	return made.Key
}

func (s *site) manage(method, path, body string, into any) {
	s.Helper()
	r, err := http.NewRequestWithContext(s.ctx, method, strings.TrimSuffix(s.base(), "/v1")+path, strings.NewReader(body))
	require.NoError(s, err)
	r.Header.Set("Authorization", "Bearer "+s.key)
	answer, err := http.DefaultClient.Do(r)
	require.NoError(s, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(s, err)
	require.NoError(s, json.Unmarshal(text, into), string(text))
}
