package router

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/edgematrix/emc/test/e2e/rig"
)

const (
	loadWorkers = 4
	// A token each 200 ms to 256 programs are 1,280 events a second through four processes, and 80 calls that begin: what two
	// cores carry beside the network and the programs themselves. Faster ones would measure the machine.
	loadStreams = 256
	loadTokens  = 16
	loadPace    = 200 * time.Millisecond
	killEvery   = 10 * time.Second
	// loadSeconds is for `make test`; `make soak` has 300.
	loadSeconds = 30
)

// loadSize: a lane carries up to 100 streams, each with some tokens on credit.
var loadSize = size{deposit: 100_000_000, credit: 200_000, processes: 200}

// What the test is told is not the router's to hear: it refuses settings that it does not know.
var loadFor, loadOut = take("EMC_ROUTER_LOAD_SECONDS"), take("EMC_ROUTER_LOAD_OUT")

func take(name string) string {
	defer os.Unsetenv(name)
	return os.Getenv(name)
}

// load is one run of it.
type load struct {
	*site
	seconds int
	app     *app
	workers []*rig.Worker

	mu       sync.Mutex
	outcomes []outcome
	kills    []kill
}

// kill is a worker that was gone for a while.
type kill struct {
	node     string
	at, done time.Time // between them it died
	back     time.Time
}

// 256 programs call at the same time, and one of four workers is killed every ten
// seconds. Every answer is the one that was asked for; one that broke ends by an error,
// and only where its node was killed; what came whole is paid once.
func TestLoad(t *testing.T) {
	t.Parallel()
	l := &load{site: newSite(t, loadSize), seconds: loadSeconds, app: newApp(t)}
	if loadFor != "" {
		var err error
		l.seconds, err = strconv.Atoi(loadFor)
		require.NoError(t, err)
	}
	l.workers = make([]*rig.Worker, loadWorkers)
	var group errgroup.Group
	for i := range l.workers {
		group.Go(func() (err error) { l.workers[i], err = l.bringUp(fmt.Sprintf("worker-%d", i), l.app); return err })
	}
	require.NoError(t, group.Wait())
	l.ready(loadWorkers)
	l.open()
	l.key = l.moreKeys(fmt.Sprintf(`{"name":"load","max_concurrent":%d}`, 2*loadStreams))
	t.Log("the load")
	r := l.run()
	l.judge(&r)
	l.books(&r)
	text, err := json.MarshalIndent(r, "", "  ")
	require.NoError(t, err)
	t.Logf("%s", text)
	if loadOut != "" {
		require.NoError(t, os.WriteFile(loadOut, append(text, '\n'), 0o644))
	}
}

// run calls for as long as it is asked to, and then lets every call come to its end.
func (l *load) run() (r loadReport) {
	l.Helper()
	began := time.Now()
	until := began.Add(time.Duration(l.seconds) * time.Second)
	g := watch(l.ctx, l.router.Process().PID())
	killing, stop := context.WithDeadline(l.ctx, until)
	defer stop()
	var group sync.WaitGroup
	group.Go(func() { l.kill(killing) })
	c := newCaller(l.base, l.key)
	for i := range loadStreams {
		group.Go(func() { l.program(c, i, until) })
	}
	group.Wait()
	samples := g.end()
	// The load alone: not its beginning, nor what comes when it is over.
	samples = samples[:min(len(samples), l.seconds*int(time.Second/gaugeEvery))]
	third := len(samples) / 3
	return loadReport{
		Streams: loadStreams, Workers: loadWorkers, Seconds: l.seconds, Kills: len(l.kills), IdealMS: float64((loadTokens * loadPace).Milliseconds()),
		RSSBegin: rssOf(samples[third/2 : third]), RSSMiddle: rssOf(samples[third : 2*third]), RSSEnd: rssOf(samples[2*third:]), RSSMost: most(samples).rss, FDsMost: most(samples).fds,
	}
}

// program calls again and again, out of step with the others.
func (l *load) program(c *caller, i int, until time.Time) {
	first := time.NewTimer(time.Duration(i) * loadTokens * loadPace / loadStreams)
	defer first.Stop()
	select {
	case <-first.C:
	case <-l.ctx.Done():
		return
	}
	for n := 0; time.Now().Before(until) && l.ctx.Err() == nil; n++ {
		ctx, cancel := context.WithTimeout(l.ctx, patience)
		o := c.call(ctx, asks{user: fmt.Sprintf("p%d-%d-", i, n), tokens: loadTokens, pace: loadPace})
		cancel()
		l.mu.Lock()
		l.outcomes = append(l.outcomes, o)
		l.mu.Unlock()
	}
}

// kill kills one worker after the other; each starts again at once.
func (l *load) kill(ctx context.Context) {
	tick := time.NewTicker(killEvery)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		w := l.workers[n%len(l.workers)]
		k := kill{node: w.Address, at: time.Now()}
		w.Kill()
		k.done = time.Now()
		if err := w.Start(l.ctx); err != nil {
			l.Errorf("a worker that was killed does not start again: %v", err)
			return
		}
		k.back = time.Now()
		l.mu.Lock()
		l.kills = append(l.kills, k)
		l.mu.Unlock()
	}
}

// explained tells whether a call broke because its node was killed while it answered.
func (l *load) explained(o outcome) bool {
	for _, k := range l.kills {
		if k.node == o.node && o.began.Before(k.done) && o.ended.After(k.at) {
			return true
		}
	}
	return false
}
