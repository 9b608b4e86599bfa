package session_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
	"github.com/edgematrix/emc/pkg/session/ledger"
)

func TestCallsArePaidCumulatively(t *testing.T) {
	s := newScene(t)
	s.call(3)
	require.Equal(t, uint64(30), s.lane.Standing().Owed())
	require.Equal(t, uint64(30), s.pay().Amount)
	require.Equal(t, uint64(30), s.lane.Standing().Owed(), "the voucher may have been lost")
	s.lane.Taken(1000)
	require.Zero(t, s.lane.Standing().Owed())
	s.call(1)
	v := s.pay()
	require.Equal(t, uint64(40), v.Amount)
	require.Equal(t, uint64(2), v.Count)
	require.Equal(t, v, s.pay(), "nothing changed, so the same voucher comes again")
	require.Zero(t, s.node.Account(s.lane.ID()).Exposure)
	first, err := s.lane.Receipt(0)
	require.NoError(t, err)
	path, err := s.lane.Path(0, v.Count)
	require.NoError(t, err)
	require.NoError(t, first.VerifyIncluded(v, path))
}

func TestReceiptsOutOfOrderWaitForTheirTurn(t *testing.T) {
	s := newScene(t)
	a, b, c := s.admitted(10), s.admitted(10), s.admitted(10)
	ra, rb, rc := s.finished(a, 1), s.finished(b, 1), s.finished(c, 1)
	for _, r := range []receipt.Receipt{rc, rb, rc} {
		require.NoError(t, s.lane.Accept(r, nil))
	}
	require.Equal(t, uint64(20), s.pay().Amount, "a receipt that waits is paid like a prepaid call")
	require.Zero(t, s.lane.Standing().Count)
	require.NoError(t, s.lane.Accept(ra, nil))
	require.Equal(t, uint64(3), s.lane.Standing().Count)
	require.NoError(t, s.lane.Accept(rb, nil), "a duplicate changes nothing")
	require.Equal(t, uint64(30), s.lane.Standing().Sum)
	require.Equal(t, uint64(30), s.pay().Amount)
}

func TestPrepaidNeverExceedsTheMaximumPrice(t *testing.T) {
	s := newScene(t)
	r := s.begin(50)
	require.NoError(t, s.lane.Prepay(r.Nonce, 1_000_000))
	v, err := s.lane.Voucher(s.ctx)
	require.NoError(t, err)
	require.Equal(t, uint64(50), v.Amount)
	require.ErrorIs(t, s.lane.Prepay(99, 1), session.ErrUnknownCall)
	require.LessOrEqual(t, v.Amount, session.CustomerBound(r.MaxPrice))
}

func TestWhatANodeMayNotSign(t *testing.T) {
	for name, row := range map[string]struct {
		change func(*receipt.Receipt)
		is     error
	}{
		"overcharge":              {func(r *receipt.Receipt) { r.Amount = r.Request.MaxPrice + 1 }, receipt.ErrPrice},
		"another request":         {func(r *receipt.Receipt) { r.Request.Digest[0] ^= 1 }, receipt.ErrRequest},
		"unknown nonce":           {func(r *receipt.Receipt) { r.Request.Nonce += 7 }, session.ErrUnknownCall},
		"a failed call that cost": {func(r *receipt.Receipt) { r.Status = receipt.StatusFailed }, receipt.ErrFailed},
		"skipped sequence":        {func(r *receipt.Receipt) { r.Sequence += 1000 }, session.ErrContradiction},
		"another answer":          {func(r *receipt.Receipt) { r.ResponseDigest[0] ^= 1 }, session.ErrResponse},
		"more than was told":      {func(r *receipt.Receipt) { r.Amount += 10 }, session.ErrOvercharge},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			r := s.finished(s.admitted(30), 2)
			answer := &session.Answer{Digest: r.ResponseDigest, Amount: 20}
			bad := r
			row.change(&bad)

			err := s.lane.Accept(bad, answer)
			require.Error(t, err, "an unsigned lie is refused")
			require.NotErrorIs(t, err, session.ErrQuarantined)
			require.Empty(t, s.lane.Standing().Why, "and changes nothing: anybody could have sent it")

			err = s.lane.Accept(forge(t, nodeKeys[0], bad), answer)
			require.ErrorIs(t, err, session.ErrQuarantined)
			require.ErrorIs(t, err, row.is)
			require.ErrorIs(t, s.lane.Accept(r, answer), session.ErrQuarantined)
			s.reopen()
			_, err = s.lane.Voucher(s.ctx)
			require.ErrorIs(t, err, session.ErrQuarantined)
			_, err = s.lane.Begin("echo", receipt.Digest{}, 1)
			require.ErrorIs(t, err, session.ErrQuarantined)
			_, err = s.lane.Resume()
			require.ErrorIs(t, err, session.ErrQuarantined)
		})
	}
}

func TestTwoReceiptsForOnePlace(t *testing.T) {
	s := newScene(t)
	r := s.call(1)
	r.Amount++
	require.ErrorIs(t, s.lane.Accept(forge(t, nodeKeys[0], r), nil), session.ErrContradiction)

	s = newScene(t)
	a, b := s.admitted(10), s.admitted(10)
	s.finished(a, 1)
	rb := s.finished(b, 1)
	require.NoError(t, s.lane.Accept(rb, nil))
	rb.Amount--
	require.ErrorIs(t, s.lane.Accept(forge(t, nodeKeys[0], rb), nil), session.ErrContradiction)
}

func TestReceiptOfAnotherLaneChangesNothing(t *testing.T) {
	s := newScene(t)
	r := s.finished(s.admitted(10), 1)
	r.Request.Router = routerKeys[1].public.Address()
	require.ErrorIs(t, s.lane.Accept(forge(t, nodeKeys[0], r), nil), session.ErrLane)
	require.Empty(t, s.lane.Standing().Why)
}

func TestBudget(t *testing.T) {
	s := newScene(t)
	s.begin(allotment - 50)
	_, err := s.lane.Begin("echo", receipt.Digest{}, 51)
	require.ErrorIs(t, err, session.ErrAllotment)
	other, err := s.customer.Lane(routerKeys[0].public.Address(), nodeKeys[1].public, s.router)
	require.NoError(t, err)
	_, err = other.Begin("echo", receipt.Digest{}, 51)
	require.ErrorIs(t, err, session.ErrAllotment, "lanes of a router share its allotment")
	s.reopen()
	_, err = s.lane.Begin("echo", receipt.Digest{}, 51)
	require.ErrorIs(t, err, session.ErrAllotment, "after a restart too")
	s.resume() // the node never got the first call
	_, err = s.lane.Begin("echo", receipt.Digest{}, 51)
	require.NoError(t, err)
}

func TestOpenCallsAreBounded(t *testing.T) {
	s := newScene(t)
	for range 16 {
		s.begin(1)
	}
	_, err := s.lane.Begin("echo", receipt.Digest{}, 1)
	require.ErrorIs(t, err, session.ErrBusy)
}

func TestCustomerConfig(t *testing.T) {
	s := newScene(t)
	for name, change := range map[string]func(*session.CustomerConfig){
		"no chain id": func(c *session.CustomerConfig) { c.ChainID = "" },
		"no key":      func(c *session.CustomerConfig) { c.Key = nil },
		"no key id":   func(c *session.CustomerConfig) { c.KeyID = 0 },
		"no clock":    func(c *session.CustomerConfig) { c.Now = nil },
		"no ledger":   func(c *session.CustomerConfig) { c.Store = nil },
	} {
		c := s.customerConfig()
		change(&c)
		_, err := session.NewCustomer(c)
		require.ErrorIs(t, err, session.ErrConfig, name)
	}
	c := s.customerConfig()
	c.ChainID = "another"
	_, err := session.NewCustomer(c)
	require.ErrorIs(t, err, session.ErrLedger, "a ledger of another chain")
	_, err = s.customer.Lane(receipt.Address{}, nodeKeys[1].public, s.router)
	require.ErrorIs(t, err, session.ErrConfig)
	_, err = s.customer.Lane(receipt.Address{}, receipt.PublicKey{}, nil)
	require.ErrorIs(t, err, receipt.ErrLane)
}

func TestLostLedgerIsNoticed(t *testing.T) {
	s := newScene(t)
	s.call(2)
	s.pay()
	s.customerStore = ledger.NewMemory()
	s.reopen()
	r := s.begin(10)
	_, err := s.node.Admit(s.ctx, r)
	require.ErrorIs(t, err, session.ErrNonce, "an empty ledger begins its nonces again")
	asked, err := s.lane.Resume()
	require.NoError(t, err)
	state, err := s.node.Resume(s.ctx, asked)
	require.NoError(t, err)
	_, err = s.lane.Resumed(asked, state)
	require.ErrorIs(t, err, session.ErrQuarantined)
	require.ErrorIs(t, err, session.ErrLost)
}

func TestFailedLedgerStopsTheLane(t *testing.T) {
	s := newScene(t)
	s.customerStore.CrashIn(1, true)
	_, err := s.lane.Begin("echo", receipt.Digest{}, 10)
	require.ErrorIs(t, err, session.ErrLedger)
	require.ErrorIs(t, err, ledger.ErrCrashed)
	s.customerStore.Restart()
	_, err = s.lane.Begin("echo", receipt.Digest{}, 10)
	require.ErrorIs(t, err, session.ErrLedger, "nobody knows what is durable until it is opened again")
	s.reopen()
	require.Equal(t, 1, s.lane.Standing().Open)
	require.Greater(t, s.begin(10).Nonce, uint64(1))
}
