package simulate

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/edgematrix/emc/pkg/mesh"
	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/router/selection"
)

// Run plays a scenario: the honest alone, then with liars, then some die. say gets a
// line for each part, and may be nil.
func Run(ctx context.Context, s Scenario, say func(string)) (out Result, err error) {
	if say == nil {
		say = func(string) {}
	}
	if s.Routers < 3 || s.Homes < 1 || s.Homes > s.Routers || s.Dead+s.Liars >= s.Workers {
		return out, errors.New("a region has at least three routers, and more workers than liars and dead ones")
	}
	out.Scenario = s
	n, err := build(ctx, s)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, n.close()) }()
	honest := n.workers[s.Liars:]
	lag := watchLag(ctx)
	var look sync.WaitGroup
	look.Go(func() { // in the midst of it
		select {
		case <-ctx.Done():
		case <-time.After(n.Measure * 3 / 4):
			out.Choice = n.choice(honest)
		}
	})
	out.Alone, err = n.phase(ctx, honest)
	look.Wait()
	if err != nil {
		return out, err
	}
	say("alone: " + out.Alone.String())
	began := time.Now()
	liars := n.flood(ctx)
	out.Flooded, err = n.phase(ctx, honest)
	out.Sent = liars()
	out.Took = time.Since(began)
	if err != nil {
		return out, err
	}
	say("flooded: " + out.Flooded.String())
	n.lies(&out)
	out.Lag = lag()
	out.Gone, err = n.die(ctx, honest)
	return out, err
}

// say has a worker say how busy it is, and notes when.
func (w *worker) say(ctx context.Context) (hearing, error) {
	w.sequence++
	h := hearing{sequence: w.sequence, at: time.Now()}
	return h, w.topic.Say(ctx, status(w.sequence, w.load.Load()))
}

// status is of a node with two apps.
func status(sequence uint64, load uint32) mesh.Status {
	return mesh.Status{Sequence: sequence, Accepting: true, Credit: 1_000_000, Apps: []mesh.App{
		{ID: app, UnitPrice: 10, CallPrice: 100, Running: min(load, capacity), Queued: load - min(load, capacity), Capacity: capacity, Ready: true},
		{ID: "embeddings", UnitPrice: 1, Capacity: capacity, Ready: true},
	}}
}

// speak has workers say something every so often until ctx ends, each beginning at another moment, and returns what was said.
func (n *network) speak(ctx context.Context, workers []*worker) ([]hearing, error) {
	var mu sync.Mutex
	var said []hearing
	var errs []error
	var all sync.WaitGroup
	for _, w := range workers {
		random := rand.New(rand.NewPCG(n.Seed, uint64(n.at[w.address])))
		// How busy a worker is lasts: a table takes the mean of what it hears over ten seconds, and follows nothing faster.
		usual := uint32(random.IntN(2 * capacity))
		all.Go(func() {
			wait := time.NewTimer(time.Duration(random.Int64N(int64(n.Every))))
			defer wait.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-wait.C:
				}
				wait.Reset(n.Every)
				w.load.Store(usual + uint32(random.IntN(2)))
				h, err := w.say(ctx)
				mu.Lock()
				h.worker = n.at[w.address]
				if err == nil {
					said = append(said, h)
				} else if ctx.Err() == nil {
					errs = append(errs, err)
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return said, errors.Join(errs...)
}

// phase measures honest traffic.
func (n *network) phase(ctx context.Context, honest []*worker) (p Phase, err error) {
	for _, r := range n.routers {
		r.mu.Lock()
		r.heard = nil
		r.mu.Unlock()
	}
	before, began := n.counts(), time.Now()
	until, cancel := context.WithTimeout(ctx, n.Measure)
	defer cancel()
	said, err := n.speak(until, honest)
	if err != nil || ctx.Err() != nil {
		return p, errors.Join(err, ctx.Err())
	}
	took := time.Since(began).Seconds()
	after := n.counts()
	// What is on its way comes, or is lost: a gossip of what was missed goes out every second.
	end := time.Now().Add(time.Minute)
	for {
		p = Phase{}
		p.spread(said, n.routers, len(n.workers))
		if p.Lost == 0 || time.Now().After(end) {
			break
		}
		select {
		case <-ctx.Done():
			return p, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
	routers, published := float64(n.Routers), float64(max(len(said), 1))
	p.In, p.Out = float64(after.in-before.in)/routers/took, float64(after.out-before.out)/routers/took
	p.Copies, p.Bytes = float64(after.received-before.received)/routers/published, float64(after.in-before.in)/routers/published
	p.Dropped = after.dropped - before.dropped
	p.Allocs = float64(after.mallocs-before.mallocs) / routers / published
	return p, nil
}

type counts struct {
	in, out, received, dropped int64
	mallocs                    uint64
}

func (n *network) counts() (c counts) {
	for _, r := range n.routers {
		c.in += r.trace.in.Load()
		c.out += r.trace.out.Load()
		c.received += r.trace.received.Load()
		c.dropped += r.trace.dropped.Load()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	c.mallocs = m.Mallocs
	return c
}

// flood has the liars send at their rate, and returns how to wait for their end: on a busy machine they go on for longer.
func (n *network) flood(ctx context.Context) (sent func() int) {
	var all sync.WaitGroup
	floods := append(slices.Clone(n.workers[:n.Liars]), n.unknown...)
	counts := make([]int, len(floods))
	for i, w := range floods {
		all.Go(func() {
			tick := time.NewTicker(time.Second / time.Duration(n.Flood))
			defer tick.Stop()
			for range int(n.Measure.Seconds() * float64(n.Flood)) {
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
				}
				if _, err := w.say(ctx); err == nil {
					counts[i]++
				}
			}
		})
	}
	return func() int { all.Wait(); return slices.Max(append(counts, 0)) }
}

// lies counts what came of the flood.
func (n *network) lies(out *Result) {
	for i, w := range n.workers[:n.Liars] {
		for _, r := range n.routers {
			if len(r.host.Network().ConnsToPeer(w.id())) > 0 {
				out.Verified = max(out.Verified, int(r.trace.validatedOf(w.id())))
			}
			heard := 0
			r.mu.Lock()
			for _, h := range r.heard {
				if h.worker == i {
					heard++
				}
			}
			r.mu.Unlock()
			out.Heard = max(out.Heard, heard)
		}
	}
	for _, w := range n.unknown {
		for _, r := range n.routers {
			out.Strange = max(out.Strange, int(r.trace.validatedOf(w.id())))
		}
	}
}

// die ends some workers, and waits until no router's table has them, and every router has heard all the others since.
func (n *network) die(ctx context.Context, honest []*worker) (time.Duration, error) {
	dead, living := map[selection.Key]bool{}, map[selection.Key]bool{}
	for i, w := range honest {
		if i < n.Dead {
			dead[selection.Key(w.address)] = true
		} else {
			living[selection.Key(w.address)] = true
		}
	}
	until, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { _, err := n.speak(until, honest[n.Dead:]); ended <- err }()
	if err := n.lastWords(ctx, honest[:n.Dead], dead); err != nil {
		return 0, err
	}
	died := time.Now()
	var gone time.Duration
	alive := make([]map[selection.Key]bool, n.Routers)
	err := eventually(ctx, "some router's table still has the dead, or never had the living", func() bool {
		all, none := true, true
		for i, r := range n.routers {
			if alive[i] == nil {
				alive[i] = map[selection.Key]bool{}
			}
			r.table.Expire()
			for _, s := range r.table.Snapshot().Nodes {
				none = none && !dead[s.Key]
				if living[s.Key] && s.SeenAt.After(died) {
					alive[i][s.Key] = true
				}
			}
			all = all && len(alive[i]) == len(living)
		}
		if none && gone == 0 {
			gone = time.Since(died)
		}
		return all && none
	})
	cancel()
	return gone, errors.Join(err, <-ended)
}

// lastWords has workers speak until every table has them all, and ends their hosts.
func (n *network) lastWords(ctx context.Context, workers []*worker, keys map[selection.Key]bool) error {
	until, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { _, err := n.speak(until, workers); ended <- err }()
	err := eventually(ctx, "not every router's table has all who speak", func() bool {
		for _, r := range n.routers {
			have := 0
			for _, s := range r.table.Snapshot().Nodes {
				if keys[s.Key] && !s.Stale {
					have++
				}
			}
			if have < len(keys) {
				return false
			}
		}
		return true
	})
	cancel()
	err = errors.Join(err, <-ended)
	for _, w := range workers {
		err = errors.Join(err, w.host.Close())
	}
	return err
}

// choice has every router choose nodes by its table, beside one who knows how busy all are, and one who draws.
func (n *network) choice(honest []*worker) (c Choice) {
	const picks = 200
	perfect, err := selection.New(selection.Config{Now: time.Now, Stale: time.Hour, Rand: rand.NewPCG(n.Seed, 1)})
	if err != nil {
		panic(err) // cannot fail with these settings
	}
	for _, w := range honest {
		load := w.load.Load()
		_ = perfect.Announce(selection.Node{Key: selection.Key(w.address), Accepting: true, Loads: []selection.Load{
			{App: app, Running: min(load, capacity), Queued: load - min(load, capacity), Capacity: capacity, Ready: true},
		}})
		c.Random += float64(load) / capacity / float64(len(honest))
	}
	crowd := func(t *selection.Table) (sum float64) {
		for range picks {
			p, err := t.Pick(selection.Wants{App: app, MaxPrice: 1 << 40, Units: 1})
			if err != nil { // it knows nobody: as bad as the most crowded
				sum += 2
				continue
			}
			sum += float64(n.workers[n.at[receipt.Address(p.Node.Key)]].load.Load()) / capacity
			p.Done(selection.Outcome{Kind: selection.Cancelled})
		}
		return sum / picks
	}
	for _, r := range n.routers {
		c.Gossip += crowd(r.table) / float64(n.Routers)
		c.Perfect += crowd(perfect) / float64(n.Routers)
	}
	return c
}

// watchLag measures how late this machine wakes up.
func watchLag(ctx context.Context) (stop func() time.Duration) {
	const nap = 10 * time.Millisecond
	ctx, cancel := context.WithCancel(ctx)
	var late []time.Duration
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			began := time.Now()
			select {
			case <-ctx.Done():
				return
			case <-time.After(nap):
			}
			late = append(late, time.Since(began)-nap)
		}
	}()
	return func() time.Duration {
		cancel()
		<-done
		slices.Sort(late)
		return at(late, 0.99)
	}
}
