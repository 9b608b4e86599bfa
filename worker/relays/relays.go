// Package relays keeps a worker's places with routers that relay: those who cannot reach the worker directly reach it through
// them, for jobs and calls alike.
package relays

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/client"

	"github.com/edgematrix/emc/pkg/mesh"
	"github.com/edgematrix/emc/pkg/transfer"
)

// Most is how many places a worker has: as endpoints of the node they stand on the chain, up to two of each.
const Most = 3

const (
	lookEvery = time.Second
	findEvery = 15 * time.Second
	reachWait = 10 * time.Second
	firstWait = 2 * time.Second
	longest   = time.Minute
	// measureEvery is how often a router's distance is measured.
	measureEvery = 5 * time.Second
	measureWait  = 2 * time.Second
	renewAfter   = 20 * time.Minute // well below the hour for which routers give a place
	// linger is how long a place that was lost is still published: every change of endpoints is a transaction.
	linger = 2 * time.Minute
)

// protected keeps relays' connections when there are too many.
const protected = "relay"

// Config is of a Relays.
type Config struct {
	Host host.Host
	// Routers finds those that may relay, the best first.
	Routers func(ctx context.Context) ([]peer.AddrInfo, error)
	Logger  *slog.Logger
}

// Relays keeps the places. Run makes it work.
type Relays struct {
	cfg Config

	mu     sync.Mutex
	places []*place // in the order in which they were got
}

// place is one that the worker has with a router, or had until a while ago.
type place struct {
	relay peer.AddrInfo
	held  bool
	since time.Time // of held
	rtt   time.Duration
}

// New returns one without a place.
func New(cfg Config) *Relays { return &Relays{cfg: cfg} }

// Endpoints are where the worker is reached through its relays.
func (r *Relays) Endpoints() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := []string{}
	for _, p := range r.places {
		out = append(out, transfer.CircuitEndpoints(p.relay)...)
	}
	return out
}

// Links are the places that the worker has now, and how far the routers are.
func (r *Relays) Links() (out []mesh.Link) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.places {
		a, err := mesh.Address(p.relay.ID)
		if err == nil && p.held && p.rtt > 0 {
			out = append(out, mesh.Link{Router: a, RTT: uint32(min(p.rtt.Microseconds(), mesh.MaxRTT))})
		}
	}
	return out
}

// measure measures how far the routers are, again and again.
func (r *Relays) measure(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	last := map[peer.ID]time.Time{}
	for {
		for _, id := range r.held() {
			if time.Since(last[id]) < measureEvery {
				continue
			}
			within, cancel := context.WithTimeout(ctx, measureWait)
			rtt, err := transfer.RTT(within, r.cfg.Host, id)
			cancel()
			if err == nil {
				last[id] = time.Now()
				r.far(id, rtt)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (r *Relays) held() (out []peer.ID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.places {
		if p.held {
			out = append(out, p.relay.ID)
		}
	}
	return out
}

func (r *Relays) far(id peer.ID, rtt time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.places {
		if p.relay.ID == id {
			p.rtt = max(rtt, time.Microsecond)
		}
	}
}

// tried is what is remembered of a router that refused.
type tried struct {
	next time.Time
	wait time.Duration
}

// Run keeps the places until ctx ends.
func (r *Relays) Run(ctx context.Context) error {
	notify := &network.NotifyBundle{DisconnectedF: func(_ network.Network, c network.Conn) { r.lost(c.RemotePeer()) }}
	r.cfg.Host.Network().Notify(notify)
	defer r.cfg.Host.Network().StopNotify(notify)
	var measuring sync.WaitGroup
	measuring.Go(func() { r.measure(ctx) })
	defer measuring.Wait()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	var routers []peer.AddrInfo
	var found time.Time
	refused := map[peer.ID]*tried{}
	for {
		if time.Since(found) >= findEvery {
			found = time.Now()
			if now, err := r.find(ctx); err == nil || len(now) > 0 {
				routers = now
			}
		}
		r.drop(routers)
		for _, router := range routers {
			if ctx.Err() != nil || !r.wants(router.ID) {
				continue
			}
			t := refused[router.ID]
			if t != nil && time.Now().Before(t.next) {
				continue
			}
			if err := r.reserve(ctx, router); err == nil {
				delete(refused, router.ID)
				continue
			} else if ctx.Err() == nil {
				r.cfg.Logger.Debug("a router gives no place", "peer", router.ID, "error", err)
			}
			if t == nil {
				t = &tried{}
				refused[router.ID] = t
			}
			t.wait = min(max(2*t.wait, firstWait), longest)
			t.next = time.Now().Add(t.wait)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (r *Relays) find(ctx context.Context) ([]peer.AddrInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, reachWait)
	defer cancel()
	return r.cfg.Routers(ctx)
}

// wants tells whether a place with a router is to be got now: a new one, or one that was lost or runs out.
func (r *Relays) wants(id peer.ID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	held := 0
	for _, p := range r.places {
		if p.relay.ID == id {
			return !p.held || time.Since(p.since) > renewAfter
		}
		if p.held {
			held++
		}
	}
	return held < Most
}

func (r *Relays) reserve(ctx context.Context, router peer.AddrInfo) error {
	ctx, cancel := context.WithTimeout(ctx, reachWait)
	defer cancel()
	h := r.cfg.Host
	h.ConnManager().Protect(router.ID, protected)
	if err := transfer.Connect(ctx, h, router); err != nil {
		return err
	}
	if _, err := client.Reserve(ctx, h, router); err != nil {
		return err
	}
	if h.Network().Connectedness(router.ID) != network.Connected {
		return errors.New("the connection broke")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.IndexFunc(r.places, func(p *place) bool { return p.relay.ID == router.ID })
	if i >= 0 {
		r.places[i].held, r.places[i].since = true, time.Now()
		return nil
	}
	r.cfg.Logger.Info("reached through a router", "peer", router.ID)
	r.places = append(r.places, &place{relay: router, held: true, since: time.Now()})
	r.crowd()
	return nil
}

// crowd drops the place that was lost first when there is one too many. It is called with the lock held.
func (r *Relays) crowd() {
	if len(r.places) > Most {
		i := max(slices.IndexFunc(r.places, func(p *place) bool { return !p.held }), 0)
		r.places = slices.Delete(r.places, i, i+1)
	}
}

// lost notes that a connection ended; the router has taken the place back.
func (r *Relays) lost(id peer.ID) {
	if r.cfg.Host.Network().Connectedness(id) == network.Connected {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.places {
		if p.relay.ID == id && p.held {
			p.held, p.since = false, time.Now()
		}
	}
}

// drop forgets places that were lost for good, and takes over where routers are now.
func (r *Relays) drop(routers []peer.AddrInfo) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.places = slices.DeleteFunc(r.places, func(p *place) bool {
		i := slices.IndexFunc(routers, func(a peer.AddrInfo) bool { return a.ID == p.relay.ID })
		if i >= 0 && len(routers[i].Addrs) > 0 {
			p.relay = routers[i]
		}
		gone := !p.held && time.Since(p.since) > linger
		if gone {
			r.cfg.Logger.Info("not reached through a router any more", "peer", p.relay.ID)
		}
		return gone
	})
}
