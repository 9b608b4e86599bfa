package simulate

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	mocknet "github.com/libp2p/go-libp2p/p2p/net/mock"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/edgematrix/emc/pkg/mesh"
	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/transfer"
	"github.com/edgematrix/emc/router/selection"
)

const (
	chainID  = "emc-simulated"
	app      = "chat"
	capacity = 8
)

// router is one, with the table that its calls are given out by.
type router struct {
	host  host.Host
	topic *mesh.Topic
	table *selection.Table
	trace trace

	mu    sync.Mutex
	heard []hearing
}

// hearing is a status that a router heard.
type hearing struct {
	worker   int
	sequence uint64
	at       time.Time
}

// worker is one, and how busy it really is.
type worker struct {
	host     host.Host
	topic    *mesh.Topic
	address  receipt.Address
	load     atomic.Uint32 // calls that run and wait
	sequence uint64
}

// network is a region that runs.
type network struct {
	Scenario
	net     mocknet.Mocknet
	random  *rand.Rand
	routers []*router
	workers []*worker
	unknown []*worker               // strangers
	at      map[receipt.Address]int // a worker's place
	admit   func(receipt.Address) bool
	running sync.WaitGroup
	stop    context.CancelFunc
}

// build makes the region, and waits until everybody knows his neighbours.
func build(ctx context.Context, s Scenario) (n *network, err error) {
	n, ctx = empty(ctx, s)
	defer func() {
		if err != nil {
			err = errors.Join(err, n.close())
		}
	}()
	n.admit = func(a receipt.Address) bool { _, known := n.at[a]; return known }
	for i := range s.Workers {
		w := &worker{}
		if w.host, w.address, err = n.newHost(i); err != nil {
			return n, err
		}
		n.at[w.address] = i
		n.workers = append(n.workers, w)
	}
	for i := range s.Strangers {
		w := &worker{}
		if w.host, w.address, err = n.newHost(s.Workers + s.Routers + i); err != nil {
			return n, err
		}
		n.unknown = append(n.unknown, w)
	}
	for i := range s.Routers {
		if err := n.addRouter(ctx, s.Workers+i); err != nil {
			return n, err
		}
	}
	for _, w := range n.all() {
		if w.topic, err = mesh.Join(ctx, mesh.Config{Host: w.host, ChainID: chainID, Logger: slog.New(slog.DiscardHandler)}); err != nil {
			return n, err
		}
	}
	if err := n.connect(); err != nil {
		return n, err
	}
	return n, n.settle(ctx)
}

// all are the workers and the strangers.
func (n *network) all() []*worker { return append(slices.Clone(n.workers), n.unknown...) }

// empty is a region without anybody in it.
func empty(ctx context.Context, s Scenario) (*network, context.Context) {
	ctx, stop := context.WithCancel(ctx)
	n := &network{Scenario: s, net: mocknet.New(), random: rand.New(rand.NewPCG(s.Seed, 0)), at: map[receipt.Address]int{}, stop: stop}
	n.net.SetLinkDefaults(mocknet.LinkOptions{Latency: s.Delay})
	return n, ctx
}

func (n *network) newHost(number int) (host.Host, receipt.Address, error) {
	key, _, err := crypto.GenerateSecp256k1Key(nil)
	if err != nil {
		return nil, receipt.Address{}, err
	}
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], uint32(number)+1)
	at, err := ma.NewMultiaddr(fmt.Sprintf("/ip4/10.%d.%d.%d/tcp/4700", b[1], b[2], b[3]))
	if err != nil {
		return nil, receipt.Address{}, err
	}
	h, err := n.net.AddPeer(key, at)
	if err != nil {
		return nil, receipt.Address{}, err
	}
	pub, err := transfer.PubKey33(h.ID())
	if err != nil {
		return nil, receipt.Address{}, err
	}
	public, err := receipt.ParsePublicKey(pub[:])
	if err != nil {
		return nil, receipt.Address{}, err
	}
	return h, public.Address(), nil
}

func (n *network) addRouter(ctx context.Context, number int) (err error) {
	r := &router{}
	if r.host, _, err = n.newHost(number); err != nil {
		return err
	}
	r.trace.self = r.host.ID()
	if r.table, err = selection.New(selection.Config{Now: time.Now, Stale: n.Stale, Rand: rand.NewPCG(n.Seed, uint64(number))}); err != nil {
		return err
	}
	if r.topic, err = mesh.Join(ctx, mesh.Config{
		Host: r.host, ChainID: chainID, Logger: slog.New(slog.DiscardHandler), Tracer: &r.trace,
		Admit: n.admit, Heard: func(s mesh.Status) { n.heard(r, s) },
	}); err != nil {
		return err
	}
	n.routers = append(n.routers, r)
	n.running.Go(func() { _ = r.topic.Run(ctx) })
	return nil
}

// heard takes a status as router/dispatch does.
func (n *network) heard(r *router, s mesh.Status) {
	now := time.Now()
	node := selection.Node{Key: selection.Key(s.Node), Accepting: s.Accepting, Proving: s.Proving, SeenAt: now}
	for _, a := range s.Apps {
		node.Loads = append(node.Loads, selection.Load{App: a.ID, UnitPrice: a.UnitPrice, CallPrice: a.CallPrice, Running: a.Running, Queued: a.Queued, Capacity: a.Capacity, Ready: a.Ready})
	}
	_ = r.table.Announce(node) // one that came late is refused, as it is by a router
	r.mu.Lock()
	defer r.mu.Unlock()
	r.heard = append(r.heard, hearing{n.at[s.Node], s.Sequence, now})
}

// count is how many statuses a router heard.
func (r *router) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.heard)
}

// connect joins the routers to a ring with chords, so that the graph hangs together, and each worker to some of them.
func (n *network) connect() error {
	joined := map[[2]int]bool{}
	degree := make([]int, n.Routers)
	join := func(a, b int) error {
		a, b = min(a, b), max(a, b)
		if a == b || joined[[2]int{a, b}] {
			return nil
		}
		joined[[2]int{a, b}] = true
		degree[a]++
		degree[b]++
		return n.link(n.routers[a].host, n.routers[b].host)
	}
	for i := range n.Routers {
		if err := join(i, (i+1)%n.Routers); err != nil {
			return err
		}
	}
	for i := range n.Routers {
		for range 100 * n.Links { // the last ones may find nobody who has room
			other := n.random.IntN(n.Routers)
			if degree[i] >= n.Links {
				break
			}
			if degree[other] < n.Links+1 {
				if err := join(i, other); err != nil {
					return err
				}
			}
		}
	}
	for _, w := range n.all() {
		for _, i := range n.random.Perm(n.Routers)[:n.Homes] {
			if err := n.link(w.host, n.routers[i].host); err != nil {
				return err
			}
		}
	}
	return nil
}

func (n *network) link(a, b host.Host) error {
	if _, err := n.net.LinkPeers(a.ID(), b.ID()); err != nil {
		return err
	}
	_, err := n.net.ConnectPeers(a.ID(), b.ID())
	return err
}

// settle waits until every worker knows its routers' topic, and every router has a mesh.
func (n *network) settle(ctx context.Context) error {
	return eventually(ctx, "the hosts did not find each other", func() bool {
		for _, w := range n.all() {
			if w.topic.Routers() < n.Homes {
				return false
			}
		}
		for _, r := range n.routers {
			if r.topic.Routers() < 2 || r.trace.mesh.Load() == 0 {
				return false
			}
		}
		return true
	})
}

func eventually(ctx context.Context, words string, is func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-ctx.Done():
			return errors.New(words)
		case <-tick.C:
		}
	}
	return nil
}

func (n *network) close() error {
	n.stop()
	n.running.Wait()
	return n.net.Close()
}

// id is of its host.
func (w *worker) id() peer.ID { return w.host.ID() }
