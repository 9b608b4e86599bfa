package router

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/test/e2e/rig"
)

// own is a gateway that the customer runs: the session's key is in his keyring alone.
type own struct {
	*site
	process *rig.Process
	next    []string // the command that `emcd session open` told
	url     string
}

// openOwn opens a session with a key of the customer's keyring, that allots to routers.
func (s *site) openOwn(routers ...*rig.Router) *own {
	s.Helper()
	_, err := s.net.Emcd(s.ctx, "keys", "add", "calls", "--keyring-backend", "test")
	require.NoError(s, err)
	typed := []string{"session", "open", fmt.Sprintf("%duemc", s.deposit), "--key", "calls", "--from", "bob", "--keyring-backend", "test"}
	for _, r := range routers {
		typed = append(typed, "--router", r.Address)
	}
	answer, err := s.net.Emcd(s.ctx, typed...)
	require.NoError(s, err)
	s.session = told(answer.Out, "session ")
	next := strings.Fields(told(answer.Out, "next "))
	require.NotEmpty(s, next, answer.Out)
	require.Equal(s, "emc-router", next[0])
	g := &own{site: s, next: next[1:]}
	s.base = func() string { return g.url }
	s.Cleanup(func() {
		g.kill()
		if s.Failed() {
			s.Logf("the customer's gateway said:\n%s", rig.Tail(g.process.Output(), 30))
		}
	})
	return g
}

// start runs the command that was told, and takes the API key that it tells.
func (g *own) start() {
	g.Helper()
	var err error
	g.process, err = rig.Launch(filepath.Join(g.dir, "own.log"), nil, "", g.net.Bin.Router(),
		append(g.next, "--listen", "127.0.0.1:0", "--home", filepath.Join(g.dir, "own"))...)
	require.NoError(g, err)
	_, err = g.process.WaitLine(g.ctx, "ready")
	require.NoError(g, err)
	g.url, g.key = told(g.process.Output(), "base URL "), told(g.process.Output(), "API key ")
}

func (g *own) kill() {
	if g.process != nil {
		g.process.Kill()
	}
}

// The customer runs the gateway himself: the routers hear nothing of his key and his
// calls but the vouchers that they co-sign. His gateway is killed in the middle of a
// call, and goes on when it starts again; a router dies under load, and calls go on
// through the other one; all of it is in the books in the end.
func TestGatewayOfOnesOwn(t *testing.T) {
	t.Parallel()
	s := newSite(t, size{deposit: 5_000_000, credit: 5_000, processes: 2 * losingStreams})
	a := newApp(t)
	second := s.secondRouter()
	s.worker("worker", a)
	s.ready(1)
	s.readyAt(second, 1)
	g := s.openOwn(s.router, second)
	g.start()
	const tokens = 40
	s.whole(tokens)
	program, master := s.moreKeys(`{"name":"program"}`), s.key

	t.Log("the gateway is killed")
	call, err := s.ask(s.ctx, 1_000)
	require.NoError(t, err)
	require.Contains(t, call.next(), `"0 "`)
	g.kill()
	for data := call.next(); data != ""; data = call.next() {
		require.NotEqual(t, "[DONE]", data, "a stream that broke must not look whole")
	}
	require.NoError(t, rig.Eventually(s.ctx, patience, "the app stops working", func() (bool, error) { return a.running.Load() == 0, nil }))
	g.start()
	s.key = master
	call, err = s.ask(s.ctx, tokens)
	require.NoError(t, err)
	require.Equal(t, http.StatusUnauthorized, call.StatusCode, "a master key ends with its start")
	require.NoError(t, call.Body.Close())
	s.key = program
	s.whole(tokens)

	status, err := s.router.Status(s.ctx)
	require.NoError(t, err)
	require.Zero(t, status.Sessions, "the router has no key of a session")
	require.Equal(t, http.StatusUnauthorized, s.atRouter(), "nor takes an API key of the customer's own gateway")
	l := g.loseARouter(second)

	t.Log("the books")
	whole := l.whole + 2*tokens*unitPrice
	l.settle(second, whole)
	paid := s.paid()
	require.GreaterOrEqual(t, paid, whole, "what came whole is paid")
	require.LessOrEqual(t, paid, a.tokens.Load()*unitPrice+int64(3+len(l.outcomes))*unitPrice, "nothing is paid that the app did not say")
	require.NoError(t, g.process.Interrupt(40*time.Second), "it ends when it is told to")
}

// atRouter is the status of a call with the site's key at the router's own gateway.
func (s *site) atRouter() int {
	s.Helper()
	before := s.base
	defer func() { s.base = before }()
	s.base = func() string { return s.router.URL }
	answer, err := s.ask(s.ctx, 1)
	require.NoError(s, err)
	defer answer.Body.Close()
	return answer.StatusCode
}
