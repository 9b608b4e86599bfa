package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/session"
	"github.com/edgematrix/emc/pkg/session/call"
)

func TestCallsShareAProcess(t *testing.T) {
	s := newScene(t, nil)
	for range 3 {
		g := s.ask(t.Context(), 1, 100, "POST", "/say/", "hello", nil)
		require.NoError(t, g.err)
		require.Equal(t, got{status: 200, body: "1: hello", pieces: 2, amount: 3}, g)
	}
	require.EqualValues(t, 1, s.programs.started.Load())
	g := s.get("/nowhere")
	require.NoError(t, g.err)
	require.Equal(t, 404, g.status)
	require.Equal(t, uint64(3), g.amount)
}

func TestStreamFlows(t *testing.T) {
	s := newScene(t, nil)
	seen := 0
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	g := s.ask(ctx, 1, 1<<40, "GET", "/forever", "", func(call.Piece) error {
		if seen++; seen == 5 {
			return errors.New("enough")
		}
		return nil
	})
	require.ErrorContains(t, g.err, "enough")
	require.Equal(t, 4, g.pieces)
	require.Equal(t, uint64(3), g.units, "one for each event behind the head")
}

// Who cancels ends the process; the next one gets another.
func TestCancel(t *testing.T) {
	s := newScene(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	seen := 0
	g := s.ask(ctx, 1, 1<<40, "GET", "/forever", "", func(call.Piece) error {
		if seen++; seen == 3 {
			cancel()
		}
		return nil
	})
	require.ErrorIs(t, g.err, context.Canceled)
	require.Equal(t, "2: next", s.ask(t.Context(), 1, 100, "POST", "/say/", "next", nil).body)
	require.EqualValues(t, 1, s.programs.most.Load())
	ready, _ := s.list[0].health.ready()
	require.True(t, ready)
	require.Zero(t, s.list[0].health.deaths, "a customer's leaving is no fault of the app")

	ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	begin := time.Now()
	g = s.ask(ctx, 1, 1<<40, "GET", "/hang/", "", nil)
	require.ErrorIs(t, g.err, context.DeadlineExceeded, "before its first byte")
	require.Less(t, time.Since(begin), 2*time.Second, "its process lives on")
	require.NoError(t, s.get("/say/").err)
}

// Many clients go away at [DONE]: the process lives on, and whoever comes next gets his answer.
func TestCancelAtTheEnd(t *testing.T) {
	s := newScene(t, nil)
	for range 20 {
		ctx, cancel := context.WithCancel(t.Context())
		s.ask(ctx, 1, 1<<40, "GET", "/stream/3", "", func(p call.Piece) error {
			if strings.Contains(string(p.Data), "[DONE]") {
				cancel()
				return ctx.Err()
			}
			return nil
		})
		cancel()
		require.Equal(t, "1: next", s.ask(t.Context(), 1, 100, "POST", "/say/", "next", nil).body)
	}
	require.Zero(t, s.list[0].health.deaths)
}

// A customer who goes away just when his answer has ended takes its process along: the next one must not get that.
func TestCancelOfAnEndedAnswer(t *testing.T) {
	s := newScene(t, nil)
	for range 50 {
		ctx, cancel := context.WithCancel(t.Context())
		s.ask(ctx, 1, 1<<40, "POST", "/say/", "x", func(call.Piece) error {
			cancel()
			return nil
		})
		require.NoError(t, s.ask(t.Context(), 1, 100, "POST", "/say/", "next", nil).err)
	}
	require.Zero(t, s.list[0].health.deaths)
}

// What an app does wrong fails the call, and the next one gets another process.
func TestFaults(t *testing.T) {
	for target, want := range map[string]error{
		"/die/": nil, "/die/middle": nil, "/garbage/": errNoHTTP, "/hang/": errSlow, "/hang/middle": errSlow, "/endless/": errEndless,
	} {
		t.Run(target, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, func(c *Config) { c.Patience, c.MaxAnswer = 300*time.Millisecond, 100_000 })
			require.Equal(t, "1: ", s.get("/say/").body)
			g := s.get(target)
			require.Error(t, g.err)
			require.NotErrorIs(t, g.err, context.Canceled)
			require.NotErrorIs(t, g.err, context.DeadlineExceeded)
			if want != nil {
				require.ErrorIs(t, g.err, want)
			} else {
				require.ErrorContains(t, g.err, "on purpose")
			}
			require.Equal(t, 1, s.list[0].health.deaths)
			require.Equal(t, "2: ", s.get("/say/").body)
			require.Zero(t, s.list[0].health.deaths)
		})
	}
}

// What a process says beyond its answer never reaches the next customer.
func TestNothingIsLeftForTheNext(t *testing.T) {
	s := newScene(t, nil)
	for n, target := range []string{"/more/", "/more/late"} {
		require.Equal(t, "fine", s.get(target).body)
		time.Sleep(50 * time.Millisecond)
		require.Equal(t, fmt.Sprintf("%d: ", n+2), s.get("/say/").body)
	}
}

// A failure of the app's own is told, and costs nothing.
func TestBrokenAnswerIsFree(t *testing.T) {
	s := newScene(t, nil)
	g := s.get("/broken/")
	require.NoError(t, g.err)
	require.Equal(t, 500, g.status)
	require.Zero(t, g.amount)
}

func TestAppThatDoesNotStart(t *testing.T) {
	s := newScene(t, nil)
	s.programs.main = func(int, io.Reader, io.Writer) error { return errors.New("no weights") }
	for range manyDeaths {
		require.ErrorContains(t, s.get("/say/").err, "no weights")
	}
	l := s.Loads()[0]
	require.False(t, l.Ready)
	require.Contains(t, l.Reason, "no weights")
	require.ErrorIs(t, s.Admit("app", 1000), session.ErrBusy)
	require.ErrorIs(t, s.get("/say/").err, session.ErrBusy)
	require.EqualValues(t, manyDeaths, s.programs.started.Load())
	s.list[0].health.now = func() time.Time { return time.Now().Add(time.Minute) }
	require.NoError(t, s.Admit("app", 1000), "after a rest")
	s.programs.main = program
	require.NoError(t, s.get("/say/").err)
	require.True(t, s.Loads()[0].Ready)
	require.Empty(t, s.Loads()[0].Reason)
}

// One customer's deadly request does not take the app from others; that of several does, for a while.
func TestDeadlyRequests(t *testing.T) {
	s := newScene(t, nil)
	die := func(by byte) { require.Error(t, s.ask(t.Context(), by, 100, "GET", "/die/", "", nil).err) }
	for range manyDeaths + 1 {
		die(1)
	}
	require.NoError(t, s.Admit("app", 1000))
	die(2)
	die(3)
	require.ErrorIs(t, s.Admit("app", 1000), session.ErrBusy)
}

func TestIdleProcessIsStopped(t *testing.T) {
	s := newScene(t, func(c *Config) { c.Idle, c.Health = 100*time.Millisecond, 10*time.Millisecond })
	require.Zero(t, s.programs.started.Load(), "nobody asked yet")
	require.NoError(t, s.get("/say/").err)
	require.EqualValues(t, 1, s.programs.live.Load())
	s.soon(func() bool { return s.programs.live.Load() == 0 }, "it lives on")
	require.Equal(t, "2: ", s.get("/say/").body)
	require.Empty(t, s.Loads()[0].Reason)
}

// An idle process that has died, or hangs, is noticed before a call meets it.
func TestIdleProcessIsChecked(t *testing.T) {
	s := newScene(t, func(c *Config) { c.Health, c.Patience = 20*time.Millisecond, 200*time.Millisecond })
	s.programs.main = func(number int, in io.Reader, out io.Writer) error {
		asked := 0
		return hangingProgram(number, in, out, func() bool { asked++; return number == 1 && asked > 2 })
	}
	require.NoError(t, s.get("/say/").err)
	s.soon(func() bool { return s.programs.live.Load() == 0 }, "it hangs, and lives")
	require.Equal(t, errSlow.Error(), s.Loads()[0].Reason)
	require.Equal(t, "2: ", s.get("/say/").body)
}

// A customer who goes away while a process starts leaves it to the next one.
func TestCancelWhileItStarts(t *testing.T) {
	s := newScene(t, nil)
	goOn := make(chan bool)
	s.programs.main = func(number int, in io.Reader, out io.Writer) error {
		<-goOn
		return program(number, in, out)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(30*time.Millisecond, cancel)
	require.ErrorIs(t, s.ask(ctx, 1, 100, "GET", "/say/", "", nil).err, context.Canceled)
	require.Equal(t, 1, s.Loads()[0].Running, "its place is still taken")
	close(goOn)
	require.Equal(t, "1: ", s.get("/say/").body)
	require.EqualValues(t, 1, s.programs.started.Load())
}
