package mesh

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/edgematrix/emc/test/e2e/rig"
	"github.com/edgematrix/emc/testutil/netlab"
)

const (
	model     = "counter"
	batch     = "guest"
	unitPrice = 10        // uemc a token
	deposit   = 5_000_000 // uemc
	// patience bounds what takes some blocks on a busy machine.
	patience = 2 * time.Minute
)

// config is a network that listens at an address of the lab, whose sessions are settled
// soon after they are closed, and whose epochs of probes are short and one validator's affair.
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
  host: "%[1]s:4500"
  rates: {address: 600, ip: 6000, global: 6000}
validators:
  - name: validator
    bonded: "500000emc"
    app:
      api: {enable: true, address: "tcp://%[1]s:1317"}
      grpc: {enable: true, address: "%[1]s:9090"}
      minimum-gas-prices: "0.01uemc"
    config:
      rpc: {laddr: "tcp://%[1]s:26657"}
      consensus: {timeout_commit: "500ms"}
genesis:
  chain_id: emc-mesh-1
  app_state:
    market:
      params:
        closing_seconds: "10"
        last_seconds: "2"
    poc:
      params:
        probe_epoch_blocks: "20"
        probe_min_reporters: "1"
`

// site is a lab with a chain and two routers, each on a host of its own, one host for customers, and two workers at home: the
// first one, which answers calls, behind the worse kind of NAT, on a line as homes have it, the second one behind a NAT as
// most homes have it.
type site struct {
	*testing.T
	ctx context.Context
	dir string
	lab *netlab.Lab

	chain, gateway, far, customer, home, cone *netlab.Host

	net             *rig.Network
	router, another *rig.Router // calls are made at the first one
	worker, second  *rig.Worker
	counter         *app
	guest           string // the file of an app for jobs
}

func newSite(t *testing.T) *site {
	t.Helper()
	if testing.Short() {
		t.Skip("a live network is left out under -short")
	}
	s := &site{T: t, ctx: t.Context(), dir: t.TempDir(), lab: netlab.Start(t)}
	s.chain, s.gateway, s.far, s.customer = s.host("chain"), s.host("router"), s.host("far-router"), s.host("customer")
	s.home, s.cone = s.nat("worker", netlab.EndpointDependent), s.nat("second", netlab.EndpointIndependent)
	require.NoError(t, s.home.Link().Delay(15*time.Millisecond, 0))
	require.NoError(t, s.home.Link().Rate(50_000_000))

	file := filepath.Join(s.dir, "config.yml")
	require.NoError(t, os.WriteFile(file, fmt.Appendf(nil, config, s.chain.Address), 0o600))
	s.net = rig.NewNetwork(s.programs(), filepath.Join(s.dir, "net"), file)
	s.net.Wrap, s.net.Client = s.chain.Wrap(), from(s.customer)
	require.NoError(t, s.net.Start(s.ctx))
	t.Cleanup(s.net.Kill)

	s.router, s.another = s.newRouter(s.gateway), s.newRouter(s.far)
	var routers errgroup.Group
	for _, r := range []*rig.Router{s.router, s.another} {
		routers.Go(func() error {
			return r.Up(s.ctx, "--listen", "/ip4/0.0.0.0/tcp/4700,/ip4/0.0.0.0/udp/4700/quic-v1")
		})
	}
	require.NoError(t, routers.Wait())

	digest, err := rig.Digest(s.net.Bin.Charlm())
	require.NoError(t, err)
	_, err = s.net.Tx(s.ctx, "alice", "compute", "register-app", model, "wasm", digest, "--interface", "openai", "--unit", "token")
	require.NoError(t, err)
	customer, err := rig.NewCustomer(s.ctx, s.net, "alice")
	require.NoError(t, err)
	_, err = customer.RegisterApp(s.ctx, batch, s.guest)
	require.NoError(t, err)
	s.counter = newApp(t, s.home)
	s.worker, s.second = s.newWorker(s.home), s.newWorker(s.cone)
	var workers errgroup.Group
	for _, w := range []*rig.Worker{s.worker, s.second} {
		workers.Go(func() error {
			return w.Up(s.ctx, "--listen", "/ip4/0.0.0.0/tcp/4600,/ip4/0.0.0.0/udp/4600/quic-v1")
		})
	}
	require.NoError(t, workers.Wait())
	_, err = s.worker.Run(s.ctx, "service", "add", model, "--price", fmt.Sprintf("%duemc", unitPrice), "--url", s.counter.URL)
	require.NoError(t, err)
	s.ready(1)
	return s
}

// in is the site for a part of the test.
func (s *site) in(t *testing.T) *site {
	part := *s
	part.T, part.ctx = t, t.Context()
	return &part
}

// programs are those of the make, or built here; and the app for jobs.
func (s *site) programs() rig.Binaries {
	s.Helper()
	root, err := rig.Root()
	require.NoError(s, err)
	bin := rig.Binaries(filepath.Join(root, "build", "test"))
	s.guest = filepath.Join(string(bin), "guest.wasm")
	require.NoError(s, rig.BuildGuest(s.ctx, root, s.guest, "./test/e2e/guest"))
	if given := os.Getenv("EMC_E2E_BIN"); given != "" {
		return rig.Binaries(given)
	}
	require.NoError(s, rig.Build(s.ctx, root, bin))
	return bin
}

func (s *site) newRouter(h *netlab.Host) *rig.Router {
	r := rig.NewRouter(s.net, filepath.Join(s.dir, h.Name))
	r.Wrap, r.Gateway = h.Wrap(), h.Address.String()+":8080"
	r.Env = []string{"EMC_ROUTER_METRICS_ADDRESS=" + h.Address.String() + ":9465"}
	s.Cleanup(func() { s.ended(h.Name, r.Process(), r.Kill) })
	return r
}

// nat is a host at home.
func (s *site) nat(name string, kind netlab.Mapping) *netlab.Host {
	s.Helper()
	h, err := s.lab.Home(name, netlab.NAT{Mapping: kind})
	require.NoError(s, err)
	return h
}

func (s *site) host(name string) *netlab.Host {
	s.Helper()
	h, err := s.lab.Host(name)
	require.NoError(s, err)
	return h
}

// ended kills a daemon, and shows what it said when the test has failed.
func (s *site) ended(name string, p *rig.Process, kill func()) {
	kill()
	if s.Failed() && p != nil {
		s.Logf("%s said:\n%s", name, rig.Tail(p.Output(), 30))
	}
}

// from is a client of HTTP at a host.
func from(h *netlab.Host) *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: h.DialContext, DisableKeepAlives: true}}
}

func (s *site) newWorker(h *netlab.Host) *rig.Worker {
	w := rig.NewWorker(s.net, filepath.Join(s.dir, h.Name))
	w.Wrap, w.Env = h.Wrap(), []string{"EMC_WORKER_CALLS_REDEEM_AGE=2s"}
	s.Cleanup(func() { s.ended(h.Name, w.Process(), w.Kill) })
	return w
}

// ready waits until so many nodes take calls, with cover.
func (s *site) ready(nodes int) {
	s.Helper()
	require.NoError(s, rig.Eventually(s.ctx, patience, "the nodes are ready", func() (bool, error) {
		status, err := s.router.Status(s.ctx)
		return status.Ready(model) == nodes && status.Exposure.Covered == fmt.Sprintf("%duemc", nodes*10_000_000), err
	}))
}
