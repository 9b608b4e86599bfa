package router

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/test/e2e/rig"
)

const (
	losingStreams = 32
	// Some answers are long enough to wait for a signature of the router that is gone; the others end before.
	losingLong, losingShort = 600, 30
	losingPace              = 40 * time.Millisecond
	// failover is within what time calls succeed again.
	failover = 5 * time.Second
)

// secondRouter is another one on the site's network.
func (s *site) secondRouter() *rig.Router {
	s.Helper()
	r := rig.NewRouter(s.net, filepath.Join(s.dir, "second"))
	s.Cleanup(func() {
		r.Kill()
		if s.Failed() && r.Process() != nil {
			s.Logf("the second router said:\n%s", rig.Tail(r.Process().Output(), 30))
		}
	})
	require.NoError(s, r.Up(s.ctx))
	return r
}

// losing is a load under which a router is killed.
type losing struct {
	*site
	mu       sync.Mutex
	outcomes []outcome
	whole    int64 // uemc, of what came whole
}

// loseARouter kills the router that co-signs under load, and lets it come back. No call fails that was not answered yet.
func (g *own) loseARouter(second *rig.Router) *losing {
	g.Helper()
	l := &losing{site: g.site}
	through := func(r *rig.Router) string { return "co-signed by router " + r.Address }
	c := newCaller(g.base, g.key)
	ctx, stop := context.WithCancel(g.ctx)
	var group sync.WaitGroup
	for i := range losingStreams {
		group.Go(func() { l.program(ctx, c, i) })
	}
	defer group.Wait()
	defer stop()
	l.until("calls come whole", func(o outcome) bool { return o.ending == whole && strings.Contains(o.route, through(g.router)) }, time.Time{}, losingStreams)

	at := time.Now()
	g.router.Kill()
	g.Log("a router is killed")
	// All others may be in the middle of answers, and wait for what they have begun.
	group.Go(func() { l.program(ctx, c, losingStreams+1) })
	l.until("calls go on", func(o outcome) bool { return o.ending == whole && o.began.After(at) }, at, 2*losingStreams)
	l.until("streams that wait for it end", func(o outcome) bool { return o.ending == broke }, at, 1)
	require.NoError(g, g.router.Up(g.ctx))
	back := time.Now()
	l.until("calls come back to it", func(o outcome) bool {
		return o.ending == whole && strings.Contains(o.route, through(g.router)) && o.began.After(back)
	}, back, 1)
	stop()
	group.Wait()
	l.judge(at, back, through(second))
	return l
}

// program calls again and again; one in four wants long answers.
func (l *losing) program(ctx context.Context, c *caller, i int) {
	for n := 0; ctx.Err() == nil; n++ {
		tokens := losingShort
		if i%4 == 0 {
			tokens = losingLong
		}
		o := c.call(ctx, asks{user: fmt.Sprintf("p%d-%d-", i, n), tokens: tokens, pace: losingPace})
		l.mu.Lock()
		l.outcomes = append(l.outcomes, o)
		l.mu.Unlock()
	}
}

// until waits for so many outcomes that ended after a moment.
func (l *losing) until(what string, is func(outcome) bool, after time.Time, want int) {
	l.Helper()
	require.NoError(l, rig.Eventually(l.ctx, patience, what, func() (bool, error) {
		l.mu.Lock()
		defer l.mu.Unlock()
		got := 0
		for _, o := range l.outcomes {
			if o.ended.After(after) && is(o) {
				got++
			}
		}
		return got >= want, fmt.Errorf("%d of %d", got, want)
	}))
}

// judge holds every call against what was promised.
func (l *losing) judge(at, back time.Time, through string) {
	l.Helper()
	ended := map[ending]int{}
	var first, longest time.Duration
	for _, o := range l.outcomes {
		ended[o.ending]++
		switch {
		case o.ending == wrong, o.ending == refused:
			l.Errorf("a call without a first byte fails, or its answer is not what was asked for: %+v", o)
		case o.ending == broke && o.tokens == 0:
			l.Errorf("a call without a first byte is not tried again: %+v", o)
		case o.ending == broke:
			require.True(l, strings.HasPrefix(o.words, `{"error"`), "OpenAI's clients have to understand it: %s", o.words)
		case o.ending == whole:
			l.whole += o.cost
		}
		if o.ending == gone || o.ending == broke || o.first.Before(at) || o.began.After(back) {
			continue
		}
		longest = max(longest, o.first.Sub(later(o.began, at)))
		if since := o.first.Sub(at); strings.Contains(o.route, through) && (first == 0 || since < first) {
			first = since
		}
	}
	l.Logf("calls go on through the other router %.2f s after the first one was killed; the longest wait for a first byte was %.2f s; %d came whole, %d streams broke",
		first.Seconds(), longest.Seconds(), ended[whole], ended[broke])
	require.Positive(l, first, "no call went through the other router")
	require.LessOrEqual(l, first, failover)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// settle closes the session when nodes have been paid all that was vouched for, with one of the routers dead for good, and
// holds what the chain pays in each router's lanes against what that router co-signed.
func (l *losing) settle(second *rig.Router, whole int64) {
	l.Helper()
	var cosigned, paid map[string]int64
	require.NoError(l, rig.Eventually(l.ctx, patience, "all that came whole is vouched for, and redeemed", func() (bool, error) {
		cosigned = l.cosigned(l.router, second)
		paid = l.paidThrough()
		sum := paid[l.router.Address] + paid[second.Address]
		return sum >= whole && maps.Equal(cosigned, paid), fmt.Errorf("%d of %d uemc", sum, whole)
	}))
	second.Kill()
	l.Log("the second router is killed, and the session is closed")
	_, err := l.net.Tx(l.ctx, "bob", "market", "close-session", l.session)
	require.NoError(l, err)
	require.NoError(l, rig.Eventually(l.ctx, patience, "the session is settled", func() (bool, error) {
		c, err := l.onChain()
		return c.Session.Status == "SESSION_STATUS_SETTLED", err
	}))
	paid = l.paidThrough()
	require.Len(l, paid, 2, "both routers' lanes were used")
	require.Equal(l, cosigned[second.Address], paid[second.Address], "what a dead router co-signed is paid, and not more")
	require.GreaterOrEqual(l, paid[l.router.Address], cosigned[l.router.Address], "nor less of the other's")
	l.Logf("paid by router: %v of %d uemc; the rest came back", paid, l.deposit)
}

// cosigned is what routers have vouched for.
func (l *losing) cosigned(of ...*rig.Router) map[string]int64 {
	l.Helper()
	out := map[string]int64{}
	for _, r := range of {
		status, err := r.Status(l.ctx)
		require.NoError(l, err)
		out[r.Address] = status.Exposure.Cosigned[l.session]
	}
	return out
}

// paidThrough is what the chain has paid in the lanes of each router.
func (l *losing) paidThrough() map[string]int64 {
	l.Helper()
	var lanes struct {
		Lanes []struct {
			Router string  `json:"router"`
			Amount rig.Int `json:"amount"`
		} `json:"lanes"`
	}
	_, err := l.net.Get(l.ctx, "/emc/market/v1/sessions/"+l.session+"/lanes", 0, &lanes)
	require.NoError(l, err)
	out := map[string]int64{}
	for _, lane := range lanes.Lanes {
		out[lane.Router] += int64(lane.Amount)
	}
	return out
}
