package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/httpcall"
	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
	"github.com/edgematrix/emc/router/gateway"
)

// TestSchedules plays EMC_ROUTER_SCHEDULES schedules (3) from the seed SEED (1) on: calls through two routers, of which one
// at a time dies or hangs, and comes back, or does not. A seed chooses what happens; when it meets which call is the machine's.
func TestSchedules(t *testing.T) {
	n, first := number(t, "EMC_ROUTER_SCHEDULES", 3), number(t, "SEED", 1)
	var all tally
	for seed := first; seed < first+n; seed++ {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) { newScene(t).play(seed, &all) })
	}
	t.Logf("%d calls came whole, %d broke after they had begun, %d times a router went away", all.whole, all.broke, all.strikes)
	require.Positive(t, all.whole)
	if n >= 3 {
		require.Positive(t, all.broke, "a stream that waits for a dead router's signature does not wait for ever")
	}
}

func number(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	require.NoError(t, err, name)
	return n
}

type tally struct {
	mu                    sync.Mutex
	whole, broke, strikes int
}

func (s *scene) play(seed uint64, all *tally) {
	rng := rand.New(rand.NewPCG(seed, 0))
	s.live()
	over := make(chan struct{})
	var calls sync.WaitGroup
	for w := range 6 {
		own := rand.New(rand.NewPCG(seed, uint64(w)+1))
		calls.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-over:
					return
				default:
					s.one(all, strings.Repeat(fmt.Sprintf("%d%d", w, i%10), 1+own.IntN(longest/2)))
				}
			}
		})
	}
	for range 4 {
		s.strike(rng, all)
	}
	dead := -1
	if seed%3 == 0 { // one that never comes back
		dead = rng.IntN(2)
		s.live()
		s.routers[dead].kill()
		s.goesThrough(s.routers[1-dead], "the other one")
	}
	for i := range 3 { // calls go on
		before := all.count()
		require.Eventually(s, func() bool { return all.count() > before }, patience, time.Millisecond, "call %d", i)
	}
	close(over)
	calls.Wait()
	s.judge(dead)
}

func (t *tally) count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.whole
}

// strike takes a router away for a while, when the gateway knows that both live: with none there is nothing to go on by.
func (s *scene) strike(rng *rand.Rand, all *tally) {
	s.live()
	before := all.count() + rng.IntN(5)
	require.Eventually(s, func() bool { return all.count() > before }, patience, time.Millisecond, "calls come whole")
	// Mostly the first: all calls are its.
	i := min(rng.IntN(4), 1) ^ 1
	r, other := s.routers[i], s.routers[1-i]
	if rng.IntN(3) == 0 {
		r.freeze()
		defer r.thaw()
	} else {
		r.kill()
		defer r.start()
	}
	all.mu.Lock()
	all.strikes++
	all.mu.Unlock()
	s.goesThrough(other, "the one that lives")
	before = all.count()
	require.Eventually(s, func() bool { return all.count() > before }, patience, time.Millisecond, "calls go on")
}

// one makes a call. Before its first byte none fails, as long as one router lives.
func (s *scene) one(all *tally, text string) {
	message, err := httpcall.AppendRequest(nil, http.MethodPost, "/say", http.Header{}, []byte(text))
	if err != nil {
		s.Errorf("%s", err)
		return
	}
	most := uint64(callPrice + longest*unitPrice)
	a, err := s.Call(context.Background(), gateway.Call{Session: s.id.String(), App: app, Message: message, Units: longest, MaxPrice: 2 * most,
		Reserve: func(uint64) error { return nil }})
	if err != nil {
		s.Errorf("a call without a first byte failed: %s", err)
		return
	}
	got, err := io.ReadAll(a.Body)
	_ = a.Body.Close()
	all.mu.Lock()
	defer all.mu.Unlock()
	switch {
	case err == nil && string(got) == text:
		all.whole++
	case err != nil && strings.HasPrefix(text, string(got)):
		if known := new(gateway.Error); !errors.As(err, &known) || !strings.Contains(known.Words, "another one") {
			s.Errorf("a stream broke by %v", err)
		}
		all.broke++
	default:
		s.Errorf("%q came for %q: %v", got, text, err)
	}
}

// judge looks whether every uemc is explained, after all that can be paid is paid: dead is the router that did not come back.
func (s *scene) judge(dead int) {
	s.Helper()
	each := func(f func(i int, r *router, n *node, l *session.Lane)) {
		for i, r := range s.routers {
			for _, n := range s.nodes {
				l, err := s.paying.Lane(r.public.Address(), n.public, s.links[i])
				require.NoError(s, err)
				f(i, r, n, l)
			}
		}
	}
	each(func(i int, r *router, n *node, l *session.Lane) {
		require.Eventually(s, func() bool {
			st := l.Standing()
			return st.Open == 0 && (i == dead || st.Owed() == 0)
		}, patience, 5*time.Millisecond, "the lane of router %d: %+v", i, l.Standing())
	})
	paid := uint64(0)
	each(func(i int, r *router, n *node, l *session.Lane) {
		st, a := l.Standing(), n.node.Account(l.ID())
		require.Empty(s, st.Why)
		require.Equal(s, st.Sum, a.Issued, "both have the same receipts")
		require.LessOrEqual(s, a.Vouched, st.Vouched, "the node has no more than what the customer vouched for")
		if i == dead {
			require.LessOrEqual(s, a.Exposure, uint64(credit), "what a dead router costs a node is what the node lends")
		} else {
			require.Zero(s, a.Exposure, "all is paid")
			require.Equal(s, st.Vouched, a.Vouched)
		}
		for _, d := range n.node.Dues() {
			if d.Voucher.Router != r.public.Address() {
				continue
			}
			got, err := s.chain.Redeem(context.Background(), []receipt.Voucher{d.Voucher})
			require.NoError(s, err)
			require.Equal(s, session.Redeemed, got[0].Outcome, got[0].Reason)
			require.Zero(s, got[0].Unpaid)
		}
		require.Equal(s, a.Vouched, s.chain.Paid(l.ID()))
		paid += a.Vouched
	})
	for i, r := range s.routers {
		cosigned, err := r.sequencer.Cosigned(s.id)
		require.NoError(s, err)
		require.LessOrEqual(s, cosigned, uint64(allotment))
		sum := uint64(0)
		for _, n := range s.nodes {
			sum += s.chain.Paid(receipt.Lane{Session: s.id, Router: r.public.Address(), Node: n.public.Address()})
		}
		if i == dead {
			require.LessOrEqual(s, sum, cosigned)
		} else {
			require.Equal(s, cosigned, sum)
		}
		require.Zero(s, s.chain.Seized(r.public.Address()), "no router pays for another")
	}
	s.chain.Close(s.id)
	s.clock.pass(2 * time.Hour)
	back, settled := s.chain.Refunded(s.id)
	require.True(s, settled)
	require.Equal(s, uint64(deposit), paid+back, "what the dead router did not co-sign comes back, and every uemc is explained")
}
