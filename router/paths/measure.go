package paths

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/edgematrix/emc/pkg/mesh"
	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/transfer"
)

// Run measures until ctx ends, and closes all circuits then.
func (p *Paths) Run(ctx context.Context) error {
	var rounds sync.WaitGroup
	tick := time.NewTicker(p.cfg.Timing.Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			rounds.Wait()
			p.close()
			return nil
		case <-tick.C:
		}
		for _, r := range p.wanted() {
			p.spawn(&rounds, func() { p.distance(ctx, r) })
		}
		for _, n := range p.called() {
			if !p.spawn(&rounds, func() { p.round(ctx, n); p.rests(n) }) {
				p.rests(n)
			}
		}
	}
}

// spawn runs something beside, unless too much runs already: then it waits for the next second.
func (p *Paths) spawn(group *sync.WaitGroup, f func()) bool {
	if !p.busy.TryAcquire(1) {
		return false
	}
	group.Go(func() { defer p.busy.Release(1); f() })
	return true
}

// called are the nodes whose ways are measured now. Those that were silent for long are forgotten.
func (p *Paths) called() (out []*node) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for a, n := range p.nodes {
		standing := slices.ContainsFunc(valuesOf(n.through), func(w *way) bool { return w.circuit != nil })
		if time.Since(n.heard) > forget && !standing {
			delete(p.nodes, a)
			continue
		}
		if n.id != "" && !n.looking && (time.Since(n.used) < active || standing) {
			n.looking = true
			out = append(out, n)
		}
	}
	return out
}

func valuesOf(m map[receipt.Address]*way) (out []*way) {
	for _, w := range m {
		out = append(out, w)
	}
	return out
}

func (p *Paths) rests(n *node) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n.looking = false
}

// wanted are the routers that relay to nodes that are called.
func (p *Paths) wanted() (out []receipt.Address) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, n := range p.nodes {
		if time.Since(n.used) > active {
			continue
		}
		for _, l := range p.links(n) {
			if !slices.Contains(out, l.Router) && len(out) < mostRouters {
				out = append(out, l.Router)
			}
		}
	}
	for a := range p.routers {
		if !slices.Contains(out, a) {
			delete(p.routers, a)
		}
	}
	return out
}

// links are those of a node that count: not too old, and not through ourselves. It is called with the lock held.
func (p *Paths) links(n *node) (out []mesh.Link) {
	if time.Since(n.heard) > mesh.Stale {
		return nil
	}
	for _, l := range n.links {
		if l.Router != p.cfg.Self {
			out = append(out, l)
		}
	}
	return out
}

// distance measures how far a router is, and connects to it.
func (p *Paths) distance(ctx context.Context, a receipt.Address) {
	at, ok := p.cfg.Router(a)
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, p.cfg.Timing.Wait)
	defer cancel()
	if p.cfg.Host.Network().Connectedness(at.ID) != network.Connected && p.cfg.Host.Connect(ctx, at) != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.routers, a)
		return
	}
	rtt, err := transfer.RTT(ctx, p.cfg.Host, at.ID)
	if err != nil {
		rtt = lost
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.routers[a]
	if s == nil {
		s = &samples{}
		p.routers[a] = s
	}
	s.add(rtt)
}

// candidates are the routers through which a circuit may be tried, the nearest first.
func (p *Paths) candidates(n *node) (out []receipt.Address) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.links(n) {
		if w := n.through[l.Router]; w == nil || time.Now().After(w.next) {
			out = append(out, l.Router)
		}
	}
	slices.SortFunc(out, func(a, b receipt.Address) int { return cmp.Compare(p.predicted(n, a), p.predicted(n, b)) })
	return out
}

// predicted is how long the way through a router should take. It is called with the lock held.
func (p *Paths) predicted(n *node, via receipt.Address) time.Duration {
	s := p.routers[via]
	if s == nil || s.n == 0 {
		return lost
	}
	for _, l := range n.links {
		if l.Router == via {
			return s.value() + time.Duration(l.RTT)*time.Microsecond
		}
	}
	return lost
}

// round measures a node's ways, tries one that should be better, and chooses.
func (p *Paths) round(ctx context.Context, n *node) {
	var group sync.WaitGroup
	measured := func(f func(context.Context) (time.Duration, error), into func(time.Duration)) {
		group.Go(func() {
			within, cancel := context.WithTimeout(ctx, p.cfg.Timing.Wait)
			defer cancel()
			rtt, err := f(within)
			if err != nil {
				rtt = lost
			}
			p.mu.Lock()
			defer p.mu.Unlock()
			into(rtt)
		})
	}
	p.mu.Lock()
	n.rounds++
	id := n.id
	if transfer.Reached(p.cfg.Host, id) {
		measured(func(ctx context.Context) (time.Duration, error) { return transfer.RTT(ctx, p.cfg.Host, id) }, n.direct.add)
	} else {
		n.direct = samples{}
	}
	var ended []receipt.Address
	for via, w := range n.through {
		if c := w.circuit; c != nil && c.IsClosed() {
			ended = append(ended, via)
		} else if c != nil {
			measured(c.RTT, func(rtt time.Duration) {
				if w.circuit == c {
					w.rtt.add(rtt)
				}
			})
		}
	}
	p.mu.Unlock()
	group.Wait()
	for _, via := range ended {
		p.left(n, via)
	}
	p.choose(n)
	if via, ok := p.promising(n); ok {
		if err := p.open(ctx, n, via); err != nil && ctx.Err() == nil {
			p.cfg.Logger.Debug("a way to a node is not open", "node", n.address, "through", via, "error", err)
		}
		p.choose(n)
	}
	p.tidy(n)
}

// taken is how long the present way takes: lost when there is none. It is called with the lock held.
func (n *node) taken() time.Duration {
	rtt := n.direct.value()
	if !n.best.IsZero() {
		rtt = 0
		if w := n.through[n.best]; w != nil && w.circuit != nil {
			rtt = w.rtt.value()
		}
	}
	return cmp.Or(rtt, lost)
}

// choose takes the way that was measured to be the shortest.
func (p *Paths) choose(n *node) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now, was := n.taken(), n.best
	least := now
	consider := func(via receipt.Address, rtt time.Duration) {
		if via != was && rtt > 0 && better(rtt, now) && rtt < least {
			n.best, least = via, rtt
		}
	}
	consider(receipt.Address{}, n.direct.value())
	for via, w := range n.through {
		if w.circuit != nil {
			consider(via, w.rtt.value())
		}
	}
	if n.best != was {
		p.cfg.Logger.Info("calls take another way", "node", n.address, "through", n.best, "rtt", least, "before", was, "took", now)
	}
}

// promising is a router through which a node should be reached faster than now.
func (p *Paths) promising(n *node) (receipt.Address, bool) {
	candidates := p.candidates(n)
	p.mu.Lock()
	defer p.mu.Unlock()
	standing := 0
	for _, w := range n.through {
		if w.circuit != nil {
			standing++
		}
	}
	if standing >= most || time.Since(n.used) > active {
		return receipt.Address{}, false
	}
	for _, via := range candidates {
		if w := n.through[via]; (w == nil || w.circuit == nil) && better(p.predicted(n, via), n.taken()) {
			return via, true
		}
	}
	return receipt.Address{}, false
}

// tidy closes circuits that nobody uses.
func (p *Paths) tidy(n *node) {
	p.mu.Lock()
	var old []*transfer.Circuit
	for via, w := range n.through {
		unused := w.circuit != nil && w.users == 0 && time.Since(w.since) > idle
		if unused && (via != n.best || time.Since(n.used) > active) {
			old = append(old, w.circuit)
			w.circuit, w.rtt, w.next = nil, samples{}, time.Now().Add(p.cfg.Timing.Again)
			if n.best == via {
				n.best = receipt.Address{}
			}
		} else if w.circuit == nil && time.Now().After(w.next) {
			delete(n.through, via)
		}
	}
	p.mu.Unlock()
	for _, c := range old {
		_ = c.Close()
	}
}

func (p *Paths) close() {
	p.mu.Lock()
	var all []*transfer.Circuit
	for _, n := range p.nodes {
		for _, w := range n.through {
			if w.circuit != nil {
				all = append(all, w.circuit)
				w.circuit = nil
			}
		}
	}
	p.mu.Unlock()
	for _, c := range all {
		_ = c.Close()
	}
}
