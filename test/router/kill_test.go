package router

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/test/e2e/rig"
)

// Worker, router and program go away in the middle of calls. What comes whole is paid
// once; what broke is told as broken, and costs at most what had come; in the end the
// chain's books show every uemc.
func TestKilledInTheMiddle(t *testing.T) {
	t.Parallel()
	s := newSite(t, small)
	a := newApp(t)
	w := s.worker("worker", a)
	s.ready(1)
	s.open()
	master := s.program("4emc")
	const tokens = 40
	wholes, broken := 0, 0
	again := func() { s.whole(tokens); wholes++ }
	again()

	t.Log("the program goes away")
	ctx, leave := context.WithCancel(s.ctx)
	call, err := s.ask(ctx, 100_000/unitPrice)
	require.NoError(t, err)
	require.NotEmpty(t, call.next())
	leave()
	broken++
	require.NoError(t, rig.Eventually(s.ctx, patience, "the app stops working", func() (bool, error) { return a.running.Load() == 0, nil }))
	require.Positive(t, a.cancelled.Load())
	again()

	t.Log("the worker is killed")
	call, err = s.ask(s.ctx, 1_000)
	require.NoError(t, err)
	require.NotEmpty(t, call.next())
	w.Kill()
	broken++
	last := ""
	for data := call.next(); data != ""; data = call.next() {
		last = data
	}
	require.Contains(t, last, `"error"`, "a stream that broke must not look whole")
	require.NoError(t, w.Start(s.ctx))
	again()

	t.Log("the router is killed")
	call, err = s.ask(s.ctx, 1_000)
	require.NoError(t, err)
	require.NotEmpty(t, call.next())
	s.router.Kill()
	broken++
	for data := call.next(); data != ""; data = call.next() {
		require.NotEqual(t, "[DONE]", data)
	}
	require.NoError(t, s.router.Up(s.ctx))
	again() // with the same key

	t.Log("the books")
	spent := s.spent(master)
	require.Zero(t, spent["master"], "it has called nothing itself")
	require.GreaterOrEqual(t, spent["program"], int64(wholes*tokens*unitPrice))
	require.Contains(t, s.apiKey(master, "list"), "master")
	s.settle(int64(wholes * tokens * unitPrice))
	paid := s.paid()
	require.GreaterOrEqual(t, paid, int64(wholes*tokens*unitPrice), "what came whole is paid")
	require.LessOrEqual(t, paid, a.tokens.Load()*unitPrice+int64(wholes+broken)*unitPrice, "nothing is paid that the app did not say")
}

// settle closes the session when the router has vouched for all that came whole (who
// closes before takes it for nothing, up to the node's credit), and waits until the
// chain has settled it.
func (s *site) settle(whole int64) {
	s.Helper()
	require.NoError(s, rig.Eventually(s.ctx, patience, "the router has vouched for all", func() (bool, error) {
		status, err := s.router.Status(s.ctx)
		return status.Exposure.Cosigned[s.session] >= whole, err
	}))
	s.Log("all is vouched for")
	_, err := s.net.Tx(s.ctx, "bob", "market", "close-session", s.session)
	require.NoError(s, err)
	require.NoError(s, rig.Eventually(s.ctx, patience, "the session is settled", func() (bool, error) {
		c, err := s.onChain()
		return c.Session.Status == "SESSION_STATUS_SETTLED", err
	}))
}

type chainSession struct {
	Session struct {
		Status   string  `json:"status"`
		Deposit  rig.Int `json:"deposit"`
		Refunded rig.Int `json:"refunded"`
	} `json:"session"`
	Escrow rig.Coin `json:"escrow_balance"`
}

func (s *site) onChain() (c chainSession, err error) {
	_, err = s.net.Get(s.ctx, "/emc/market/v1/sessions/"+s.session, 0, &c)
	return c, err
}

// paid is what the session paid to nodes, which is all that did not come back.
func (s *site) paid() int64 {
	s.Helper()
	c, err := s.onChain()
	require.NoError(s, err)
	require.Zero(s, int64(c.Escrow.Amount), "nothing is left between the books")
	var lanes struct {
		Lanes []struct {
			Amount rig.Int `json:"amount"`
		} `json:"lanes"`
	}
	_, err = s.net.Get(s.ctx, "/emc/market/v1/sessions/"+s.session+"/lanes", 0, &lanes)
	require.NoError(s, err)
	sum := int64(0)
	for _, l := range lanes.Lanes {
		sum += int64(l.Amount)
	}
	require.EqualValues(s, s.deposit, sum+int64(c.Session.Refunded), fmt.Sprintf("%+v", c))
	return sum
}
