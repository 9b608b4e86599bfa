package router

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/edgematrix/emc/router/admission"
	"github.com/edgematrix/emc/test/e2e/rig"
)

const (
	// Honest programs make calls of a known length: what an attack adds is seen in it. They are few, so that the machine, which the
	// attackers share with all others here, is not what is measured.
	honestPrograms = 8
	honestTokens   = 10
	honestPace     = 100 * time.Millisecond
	honestFor      = 3 * time.Second
	// worse is by how much an attack may lengthen the median call, against calls through another router at the same moment, which
	// nobody attacks: twice. A call of one second then waits one more, which is far from a router that is blocked, and what holds on
	// machines whose other work comes and goes. That the attack takes the whole machine, and so both, is excluded by mostCores.
	worse = 2.
	// mostCores is what an attack may cost the router of the machine's two, honest calls and all.
	mostCores = .5
	// The router's bounds in this test; the rest are its own.
	floodAddress, floodMemoryMiB = 500, 256
	sessionMiB                   = floodMemoryMiB / 4
	// What a bound leaves open: descriptors of connections that are on their way in or out; of memory, what the collector has not got back
	// yet, which is as much again as is held, and the buffers of connections.
	floodFDs, floodSlackMiB = 50, 128
	// calmPeers is the worker, and one who is counted and on his way out.
	calmPeers = 2
	// handshakes of libp2p go on at the same time, by its own bound on this much memory.
	handshakes = 80
)

// attack is what somebody does to a router that costs him little.
type attack struct {
	name string
	// begin does it until ctx ends, and counts what came of it by name.
	begin func(ctx context.Context, f *flood, seen *tally)
	// held is a word of what it has to come to when the bound is there, such as the status that it is answered.
	held string
	// conns is how many connections he gets at most.
	conns int
}

// tally counts.
type tally struct {
	mu sync.Mutex
	of map[string]int
}

func (c *tally) add(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.of[what]++
}

// flood is a site with somebody who attacks it, and another router that nobody attacks.
type flood struct {
	*site
	app            *app
	attacker       string // an API key of a session of his own
	gateway        string // HOST:PORT
	honest, beside *caller
	calm           sample
}

// Whoever floods the router in one of the ways that cost nothing is bounded: calls of
// others go on as without him, and the router's memory, descriptors and processor time
// stay below what was said.
func TestFloods(t *testing.T) {
	f := &flood{app: newApp(t), site: newSite(t, size{deposit: 100_000_000, credit: 2_000_000, processes: 64, router: []string{
		fmt.Sprintf("EMC_ROUTER_GATEWAY_MAX_CONNECTIONS_PER_ADDRESS=%d", floodAddress), fmt.Sprintf("EMC_ROUTER_GATEWAY_MAX_MEMORY_MIB=%d", floodMemoryMiB),
	}})}
	quiet := rig.NewRouter(f.net, filepath.Join(f.dir, "quiet"))
	t.Cleanup(quiet.Kill)
	var group errgroup.Group
	group.Go(func() error { return quiet.Up(f.ctx) })
	group.Go(func() error { _, err := f.bringUp("worker", f.app); return err })
	require.NoError(t, group.Wait())
	f.ready(1)
	f.readyAt(quiet, 1)
	f.open()
	f.attacker = f.key
	f.open()
	f.honest = newCaller(f.base, f.key)
	f.openAt(quiet)
	f.beside = newCaller(func() string { return quiet.URL }, f.key)
	f.gateway = strings.TrimSuffix(strings.TrimPrefix(f.router.URL, "http://"), "/v1")
	f.calls(t, honestTokens*honestPace) // connections and lanes are there then
	alone, beside, samples := f.calls(t, honestFor)
	f.calm = most(samples)
	t.Logf("alone: a call takes %.0f ms (%.0f beside), RSS %.0f MiB, %d descriptors, %.2f cores", alone, beside, f.calm.rss, f.calm.fds, cores(samples))
	for _, a := range attacks() {
		t.Run(a.name, func(t *testing.T) { f.under(t, a) })
	}
}

// under lets honest programs call while an attack goes on.
func (f *flood) under(t *testing.T, a attack) {
	seen := &tally{of: map[string]int{}}
	ctx, stop := context.WithCancel(f.ctx)
	var group sync.WaitGroup
	group.Go(func() { a.begin(ctx, f, seen) })
	defer func() { stop(); group.Wait() }()
	require.Eventually(t, func() bool { seen.mu.Lock(); defer seen.mu.Unlock(); return seen.of[a.held] > 0 }, patience, 20*time.Millisecond,
		"the attack never came to %q", a.held)
	p50, beside, samples := f.calls(t, honestFor)
	status, err := f.router.Status(f.ctx)
	require.NoError(t, err)
	stop()
	group.Wait()
	peak := most(samples)
	t.Logf("a call takes %.0f ms (%.0f beside); at most %.0f MiB and %d descriptors; %.2f cores, %d peers; the attacker saw %v",
		p50, beside, peak.rss, peak.fds, cores(samples), status.Peers, seen.of)
	require.Less(t, p50, worse*max(beside, float64((honestTokens*honestPace).Milliseconds())))
	require.Less(t, cores(samples), mostCores)
	require.Less(t, peak.rss, f.calm.rss+2*sessionMiB+floodSlackMiB)
	require.Less(t, peak.fds, f.calm.fds+a.conns+floodFDs)
	require.LessOrEqual(t, status.Peers, calmPeers+admission.Default().Strangers)
	require.Eventually(t, func() bool {
		s, err := look(f.router.Process().PID())
		return err == nil && s.fds < f.calm.fds+floodFDs
	}, patience, 50*time.Millisecond, "connections are not given back")
}

// calls makes honest calls for a while, by both routers at the same time, all of which have to be answered. It returns the median of
// what they took, ms, and what the router that may be attacked held meanwhile.
func (f *flood) calls(t *testing.T, long time.Duration) (here, beside float64, samples []sample) {
	t.Helper()
	g := watch(f.ctx, f.router.Process().PID())
	until := time.Now().Add(long)
	var mu sync.Mutex
	var group sync.WaitGroup
	took := map[*caller][]float64{}
	for i := range 2 * honestPrograms {
		c := []*caller{f.honest, f.beside}[i%2]
		group.Go(func() {
			for n := 0; n == 0 || time.Now().Before(until); n++ {
				ctx, cancel := context.WithTimeout(f.ctx, patience)
				o := c.call(ctx, asks{user: fmt.Sprintf("h%d-%d-", i, n), tokens: honestTokens, pace: honestPace})
				cancel()
				mu.Lock()
				if o.ending != whole {
					t.Errorf("an honest call failed: %s", o.words)
				}
				took[c] = append(took[c], float64(o.ended.Sub(o.began).Milliseconds()))
				mu.Unlock()
			}
		})
	}
	group.Wait()
	return quantile(took[f.honest], .5), quantile(took[f.beside], .5), g.end()
}
