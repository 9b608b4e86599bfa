package dispatch_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/cosmos/cosmos-sdk/crypto/keys/secp256k1"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/httpcall"
	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
	"github.com/edgematrix/emc/pkg/session/ledger"
	"github.com/edgematrix/emc/pkg/session/model"
	"github.com/edgematrix/emc/pkg/transfer"
	"github.com/edgematrix/emc/router/custody"
	"github.com/edgematrix/emc/router/dispatch"
	"github.com/edgematrix/emc/router/gateway"
	"github.com/edgematrix/emc/router/registry"
)

const (
	chainID   = "emc-local-1"
	app       = "chat"
	unitPrice = 2
	callPrice = 10
	most      = callPrice + 50*unitPrice // uemc, of a call of 50 units
	deposit   = 1 << 30
	credit    = 400
	unwritten = 20
	margin    = time.Minute
)

type keyPair struct {
	*secp256k1.PrivKey
	public receipt.PublicKey
}

func pair(t testing.TB, b byte) keyPair {
	t.Helper()
	key := &secp256k1.PrivKey{Key: bytes.Repeat([]byte{b}, 32)}
	public, err := receipt.ParsePublicKey(key.PubKey().Bytes())
	require.NoError(t, err)
	return keyPair{key, public.Precompute()}
}

// clock runs by itself, and jumps when a session is to settle.
type clock struct {
	mu    sync.Mutex
	ahead time.Duration
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
}

// registered is a chain that knows nodes and apps.
type registered struct {
	mu    sync.Mutex
	nodes map[receipt.Address]registry.Node
	apps  map[string]registry.App
}

func (r *registered) Node(a receipt.Address) (registry.Node, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n, ok := r.nodes[a]
	return n, ok
}

func (r *registered) App(id string) (registry.App, bool) {
	a, ok := r.apps[id]
	return a, ok
}

// scene is a router that calls nodes over libp2p, in one process, with one session.
type scene struct {
	testing.TB
	clock *clock
	chain *model.Chain
	key   keyPair
	host  host.Host
	reg   *registered
	nodes []*node
	id    receipt.SessionID
	dir   string
	disks map[string]*ledger.Memory // nil: files
	cfg   dispatch.Config           // of which open makes the rest

	// What open makes, and shut ends.
	*dispatch.Dispatch
	sequencer         *session.Sequencer
	custody           *custody.Custody
	signed, customers ledger.Store
	stop              context.CancelFunc
	running           sync.WaitGroup
	allotment         uint64
	paying            *custody.Session
	mu                sync.Mutex
	charged           uint64 // to keys
}

type option func(*scene)

func allotted(n uint64) option                  { return func(s *scene) { s.allotment = n } }
func with(change func(*dispatch.Config)) option { return func(s *scene) { change(&s.cfg) } }

func newScene(t testing.TB, nodes int, options ...option) *scene {
	t.Helper()
	s := &scene{TB: t, clock: new(clock), key: pair(t, 4), dir: t.TempDir(), allotment: deposit / 2, cfg: dispatch.Default()}
	s.cfg.FirstByte, s.cfg.SettleAge = 20*time.Second, time.Hour // a loaded machine is no fault
	for _, o := range options {
		o(s)
	}
	s.chain = model.New(chainID, time.Hour, 10*time.Minute, s.clock.Now)
	s.reg = &registered{nodes: map[receipt.Address]registry.Node{}, apps: map[string]registry.App{
		app: {Owner: "emc1owner", Unit: "token", OpenAI: true, Deterministic: true}}}
	s.host = listen(t, s.key, "/ip4/127.0.0.1/tcp/0")
	s.open()
	t.Cleanup(s.shut)
	public, claim, err := s.custody.NewKey()
	require.NoError(t, err)
	key, err := receipt.ParsePublicKey(public)
	require.NoError(t, err)
	s.id = receipt.NewSessionID([]byte("owner"), 1)
	s.chain.Open(s.id, key, deposit, 24*time.Hour, session.Router{Key: s.key.public, Allotment: s.allotment})
	require.NoError(t, s.custody.Claim(t.Context(), public, claim, s.id))
	s.pays()
	for i := range nodes {
		s.node(byte(10 + i))
	}
	return s
}

func listen(t testing.TB, key keyPair, addresses ...string) host.Host {
	t.Helper()
	own, err := transfer.HostKey(key.Key)
	require.NoError(t, err)
	h, err := transfer.NewHost(t.Context(), own, addresses)
	require.NoError(t, err)
	t.Cleanup(func() { _ = h.Close() })
	return h
}

// open starts the router's process on its ledgers; its host stays.
func (s *scene) open() {
	s.Helper()
	s.signed, s.customers = s.ledger("signed"), s.ledger("customers")
	var err error
	s.custody, err = custody.Open(custody.Config{ChainID: chainID, Router: s.key.public.Address(), Chain: s.chain, Store: s.customers,
		Keys: filepath.Join(s.dir, "keys"), Now: s.clock.Now})
	require.NoError(s, err)
	s.sequencer, err = session.NewSequencer(session.SequencerConfig{ChainID: chainID, Key: s.key, Public: s.key.public, Chain: s.chain, Store: s.signed,
		Now: s.clock.Now, Margin: margin})
	require.NoError(s, err)
	cfg := s.cfg
	cfg.Routers, cfg.Sessions, cfg.Nodes, cfg.Host = dispatch.One(s.key.public.Address(), s.sequencer), s.custody, s.reg, s.host
	cfg.Logger = slog.New(slog.DiscardHandler)
	d, err := dispatch.New(cfg)
	require.NoError(s, err)
	s.mu.Lock()
	s.Dispatch = d
	s.mu.Unlock()
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	if s.id != (receipt.SessionID{}) {
		s.pays()
	}
	s.running.Go(func() { _ = d.Run(ctx) })
}

// pays opens the session.
func (s *scene) pays() {
	s.Helper()
	var err error
	s.paying, err = s.custody.Session(context.Background(), s.id)
	require.NoError(s, err)
}

func (s *scene) shut() {
	s.stop()
	s.running.Wait()
	require.NoError(s, s.custody.Close())
	require.NoError(s, s.customers.Close())
	require.NoError(s, s.signed.Close())
}

// reopen is another life of the router.
func (s *scene) reopen() {
	s.Helper()
	s.shut()
	s.open()
	for _, n := range s.nodes {
		n.announce()
	}
}

// want is a call that may cost most.
func (s *scene) want(text string) gateway.Call {
	message, err := httpcall.AppendRequest(nil, http.MethodPost, "/say", http.Header{}, []byte(text))
	require.NoError(s, err)
	return gateway.Call{Session: s.id.String(), App: app, Message: message, Units: 50, MaxPrice: most, Reserve: func(uint64) error { return nil }}
}

// say makes a call to its end.
func (s *scene) say(text string) (string, *gateway.Answer, error) {
	return s.make(s.Context(), s.want(text))
}

func (s *scene) make(ctx context.Context, c gateway.Call) (string, *gateway.Answer, error) {
	s.mu.Lock()
	d := s.Dispatch
	s.mu.Unlock()
	a, err := d.Call(ctx, c)
	if err != nil {
		s.charge(charge(err))
		return "", nil, err
	}
	all, err := io.ReadAll(a.Body)
	require.NoError(s, a.Body.Close())
	s.charge(a.Charged())
	return string(all), a, err
}

// charge notes what a key would be charged.
func (s *scene) charge(n uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.charged += n
}

// heard is a call that succeeds.
func (s *scene) heard(text string) *gateway.Answer {
	s.Helper()
	got, a, err := s.say(text)
	require.NoError(s, err)
	require.Equal(s, text, got)
	require.Equal(s, http.StatusOK, a.Status)
	return a
}

func (s *scene) lane(n *node) receipt.Lane {
	return receipt.Lane{Session: s.id, Router: s.key.public.Address(), Node: n.key.public.Address()}
}

// way is a lane as the router has it, also when the session is closing.
func (s *scene) way(n *node) *session.Lane {
	s.Helper()
	l, err := s.paying.Lane(s.key.public.Address(), n.key.public, s.sequencer)
	require.NoError(s, err)
	return l
}

func (s *scene) standing(n *node) session.Standing { s.Helper(); return s.way(n).Standing() }
