package relay

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/cosmos/cosmos-sdk/crypto/keys/secp256k1"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/client"
	ma "github.com/multiformats/go-multiaddr"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/job"
	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/transfer"
	"github.com/edgematrix/emc/router/admission"
)

const (
	chainID = "emc-local-1"
	jobID   = "000102030405060708090a0b0c0d0e0f"
)

// party is somebody with a key and a host.
type party struct {
	key    *secp256k1.PrivKey
	public receipt.PublicKey
	host   host.Host
}

func newParty(t *testing.T, listen []string, options ...transfer.HostOption) party {
	t.Helper()
	p := party{key: secp256k1.GenPrivKey()}
	var err error
	p.public, err = receipt.ParsePublicKey(p.key.PubKey().Bytes())
	require.NoError(t, err)
	own, err := transfer.HostKey(p.key.Key)
	require.NoError(t, err)
	p.host, err = transfer.NewHost(t.Context(), own, listen, options...)
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.host.Close() })
	return p
}

func (p party) address() receipt.Address { return p.public.Address() }
func (p party) pub() transfer.PubKey     { return transfer.PubKey(p.public.Bytes()) }

// scene is a router that relays, and what the chain says.
type scene struct {
	*testing.T
	router    party
	admission *admission.Admission
	relay     *Relay
	metrics   *prometheus.Registry

	mu       sync.Mutex
	now      time.Time
	nodes    map[receipt.Address]bool
	jobs     map[string]party // id → its customer
	on       map[string]party // id → its node
	sessions map[string]party // id → who has its key
	probers  map[string]party // validator → who has its hot key
	asked    int
	looked   map[receipt.Address]int // at who is here
}

func newScene(t *testing.T, change func(*admission.Config, *Limits)) *scene {
	s := &scene{T: t, now: time.Unix(1e9, 0), nodes: map[receipt.Address]bool{}, jobs: map[string]party{}, on: map[string]party{}, sessions: map[string]party{}, probers: map[string]party{},
		looked: map[receipt.Address]int{}, metrics: prometheus.NewRegistry()}
	ac, limits := admission.Default(), DefaultLimits()
	ac.Nodes, ac.Customer, ac.Now, ac.Few, ac.Inbound = s, func(receipt.Address) bool { return false }, s.clock, 16, 16+CircuitsOfPeer
	if change != nil {
		change(&ac, &limits)
	}
	s.admission = admission.New(ac)
	s.router = newParty(t, []string{"/ip4/127.0.0.1/tcp/0"}, transfer.WithGate(s.admission), transfer.WithInbound(16), transfer.WithCircuits(Circuits, CircuitsOfPeer))
	var err error
	s.relay, err = New(Config{Host: s.router.host, ChainID: chainID, Chain: s, Node: s.Known, Customer: ac.Customer, Introduced: s.admission.Introduced, Limits: limits,
		Metrics: s.metrics, Now: s.clock})
	require.NoError(t, err)
	transfer.HandleIntroductions(t.Context(), s.router.host, s.relay.Judge)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.admission.Run(ctx, s.router.host) }()
	t.Cleanup(func() { require.NoError(t, s.relay.Close()); cancel(); require.NoError(t, <-done) })
	return s
}

func (s *scene) clock() time.Time { s.mu.Lock(); defer s.mu.Unlock(); return s.now }
func (s *scene) change(f func())  { s.mu.Lock(); defer s.mu.Unlock(); f() }

func (s *scene) Known(a receipt.Address) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.looked[a]++
	return s.nodes[a]
}

func (s *scene) Admit(a receipt.Address) bool { return s.Known(a) }

var errNone = errors.New("the chain knows no such thing")

func (s *scene) Job(_ context.Context, id string) (receipt.Address, transfer.PubKey, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	if _, ok := s.jobs[id]; !ok {
		return receipt.Address{}, transfer.PubKey{}, errNone
	}
	return s.on[id].address(), s.jobs[id].pub(), nil
}

func (s *scene) Session(_ context.Context, id string) (receipt.Address, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	if _, ok := s.sessions[id]; !ok {
		return receipt.Address{}, errNone
	}
	return s.sessions[id].address(), nil
}

func (s *scene) Prober(_ context.Context, validator string) (receipt.Address, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	if _, ok := s.probers[validator]; !ok {
		return receipt.Address{}, errNone
	}
	return s.probers[validator].address(), nil
}

func (s *scene) at() peer.AddrInfo {
	return peer.AddrInfo{ID: s.router.host.ID(), Addrs: s.router.host.Addrs()}
}

// node is a registered worker that listens nowhere, and has a place here.
func (s *scene) node() party {
	s.Helper()
	p := newParty(s.T, nil)
	s.change(func() { s.nodes[p.address()] = true })
	require.NoError(s, p.host.Connect(s.Context(), s.at()))
	_, err := client.Reserve(s.Context(), p.host, s.at())
	require.NoError(s, err)
	return p
}

// reach goes from one to a node through the router.
func (s *scene) reach(from, to party, i transfer.Introduction) error {
	s.Helper()
	a, err := ma.NewMultiaddr(transfer.CircuitEndpoints(s.at())[0])
	require.NoError(s, err)
	return transfer.Reach(s.Context(), from.host, peer.AddrInfo{ID: to.host.ID(), Addrs: []ma.Multiaddr{a}}, i)
}

// bare goes without an introduction.
func (s *scene) bare(from, to party) error {
	s.Helper()
	a, err := ma.NewMultiaddr(transfer.CircuitEndpoints(s.at())[0])
	require.NoError(s, err)
	return from.host.Connect(transfer.AllowCircuit(s.Context()), peer.AddrInfo{ID: to.host.ID(), Addrs: []ma.Multiaddr{a}})
}

// customer has a job on a node.
func (s *scene) customer(id string, on party) party {
	s.Helper()
	p := newParty(s.T, nil)
	s.change(func() { s.jobs[id], s.on[id] = p, on })
	return p
}

// one is a backend of one job that is finished.
type one struct {
	transfer.Backend
	owner transfer.PubKey
}

func (o one) Authorize(_ context.Context, id string, key transfer.PubKey) error {
	if id != jobID || key != o.owner {
		return transfer.Errorf(transfer.CodeForbidden, "not yours")
	}
	return nil
}

func (one) Result(context.Context, string) ([]byte, job.Salt, error) {
	return []byte("the result"), job.Salt{7}, nil
}
