package router

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/test/e2e/rig"
)

// scheduleBlows is for `make test`; `make soak` has more.
const scheduleBlows = 3

// sessionBlows are of one session, after which the books are looked at.
const sessionBlows = 25

var blowsFor, blowsOut, blowsSeed = take("EMC_ROUTER_KILLS"), take("EMC_ROUTER_KILLS_OUT"), take("EMC_ROUTER_KILLS_SEED")

// schedule is a row of calls in which program, worker and router are killed.
type schedule struct {
	*site
	app    *app
	worker *rig.Worker
	calls  int // numbers them

	mu       sync.Mutex
	outcomes map[string]outcome // of the session, by user
	unsure   map[string]bool    // of those whose worker died before it had written their receipt, maybe
	report   scheduleReport
}

type scheduleReport struct {
	Seed      uint64         `json:"seed"`
	Kills     map[string]int `json:"kills"` // by victim and step
	Calls     int            `json:"calls"`
	Whole     int            `json:"whole"`
	Broke     int            `json:"broke"`
	Gone      int            `json:"gone"`
	Refused   int            `json:"refused"`
	WholeUemc int64          `json:"whole_uemc"` // the price of what came whole
	SaidUemc  int64          `json:"said_uemc"`  // the price of all that the app said
	PaidUemc  int64          `json:"paid_uemc"`  // what the chain paid
	Sessions  int            `json:"sessions"`
}

// Program, worker and router are killed at every step of calls. What came whole is paid, but for calls that their worker had
// no time to write down; nothing is paid that the app did not say, but the token that was begun; and the chain's books show
// every uemc.
func TestKilledAtEveryStep(t *testing.T) {
	t.Parallel()
	n, seed := scheduleBlows, uint64(1)
	if blowsFor != "" {
		var err error
		n, err = strconv.Atoi(blowsFor)
		require.NoError(t, err)
	}
	if blowsSeed != "" {
		var err error
		seed, err = strconv.ParseUint(blowsSeed, 10, 64)
		require.NoError(t, err)
	}
	s := &schedule{site: newSite(t, small), app: newApp(t)}
	s.report.Seed, s.report.Kills = seed, map[string]int{}
	s.worker = s.site.worker("worker", s.app)
	s.ready(1)
	all := blows(seed, n)
	for begin := 0; begin < len(all); begin += sessionBlows {
		s.life(all[begin:min(begin+sessionBlows, len(all))])
	}
	text, err := json.Marshal(s.report)
	require.NoError(t, err)
	t.Log(string(text))
	if blowsOut != "" {
		require.NoError(t, os.WriteFile(blowsOut, text, 0o600))
	}
}

// life is one session.
func (s *schedule) life(all []blow) {
	s.outcomes, s.unsure = map[string]outcome{}, map[string]bool{}
	s.open()
	for _, b := range all {
		s.blow(b)
	}
	s.user(func(user string) { s.call(s.ctx, asks{user: user, tokens: 10}) }) // it goes on
	s.books()
}

// user gives a call its own name, by which the app knows it.
func (s *schedule) user(call func(user string)) {
	s.calls++
	call(userOf(s.calls))
}

func userOf(call int) string { return fmt.Sprintf("c%d-", call) }

func (s *schedule) call(ctx context.Context, a asks) {
	o := newCaller(s.base, s.key).call(ctx, a)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outcomes[a.user] = o
}

// blow makes calls, kills somebody at a step of the first one, and brings it back.
func (s *schedule) blow(b blow) {
	s.Log(b)
	s.report.Kills[b.victim.String()+" "+b.step.String()]++
	ctx, leave := context.WithCancel(s.ctx)
	defer leave()
	var falls atomic.Bool
	fallen := make(chan time.Time, 1)
	begun := s.calls
	fall := sync.OnceFunc(func() {
		falls.Store(true)
		time.Sleep(b.late) // where in a step it falls is part of the schedule
		at := time.Now()
		switch b.victim {
		case program:
			leave()
		case worker:
			s.worker.Kill()
		case router:
			s.router.Kill()
		}
		fallen <- at
	})
	var all sync.WaitGroup
	s.user(func(user string) {
		a := asks{user: user, tokens: b.tokens}
		s.app.hook(func(who string, n, of int) {
			if who == user && (b.step == asked && n == 0 || b.step == said && n == b.after || b.step == spoken && n == of) {
				fall()
			}
		})
		a.seen = func(n int, end bool) {
			if b.step == came && n == b.after || b.step == done && end {
				fall()
			}
		}
		if b.step == sent {
			all.Go(fall)
		}
		all.Go(func() {
			s.call(ctx, a)
			if b.step == over {
				fall()
			}
		})
	})
	for _, tokens := range b.others {
		s.user(func(user string) { all.Go(func() { s.call(s.ctx, asks{user: user, tokens: tokens}) }) })
	}
	all.Wait()
	require.True(s, falls.Load(), "the call ended before its step: %+v", s.outcomes)
	at := <-fallen // who killed may return after those who noticed
	for i := begun; i < s.calls && b.victim == worker; i++ {
		user := userOf(i + 1)
		s.unsure[user] = s.outcomes[user].ended.After(at)
	}
	s.app.hook(nil)
	s.back(b.victim)
}

// back starts what was killed, and waits until calls are answered again.
func (s *schedule) back(v victim) {
	switch v {
	case worker:
		require.NoError(s, s.worker.Start(s.ctx))
	case router:
		require.NoError(s, s.router.Up(s.ctx))
	}
	require.NoError(s, rig.Eventually(s.ctx, patience, "calls are answered again", func() (ok bool, err error) {
		s.user(func(user string) {
			s.call(s.ctx, asks{user: user, tokens: 1})
			ok, err = s.outcomes[user].ending == whole, fmt.Errorf("%s", s.outcomes[user].words)
		})
		return ok, err
	}))
}

// books closes the session, and explains every uemc of it.
func (s *schedule) books() {
	sure, most, told := int64(0), int64(0), int64(0)
	for user, o := range s.outcomes {
		if tokens, asked := s.app.saidTo(user); asked {
			told += int64(tokens) * unitPrice
			most += int64(tokens+1) * unitPrice
		}
		s.report.Calls++
		switch o.ending {
		case whole:
			s.report.Whole++
			if !s.unsure[user] {
				sure += int64(o.tokens) * unitPrice
			}
		case broke:
			s.report.Broke++
		case gone:
			s.report.Gone++
		case refused:
			s.report.Refused++
		case wrong:
			s.Errorf("%s: %s", user, o.words)
		}
	}
	s.settle(sure)
	paid := s.paid()
	require.GreaterOrEqual(s, paid, sure, "what came whole is paid")
	require.LessOrEqual(s, paid, most, "nothing is paid that the app did not say")
	s.report.WholeUemc, s.report.SaidUemc, s.report.PaidUemc = s.report.WholeUemc+sure, s.report.SaidUemc+told, s.report.PaidUemc+paid
	s.report.Sessions++
}
