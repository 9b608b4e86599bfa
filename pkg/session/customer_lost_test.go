package session_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
)

// crash ends the customer's process before anything is on the disk that nobody waited for, and starts another one.
func (s *scene) crash() {
	s.Helper()
	s.customerStore.Crash()
	s.customerStore.Restart()
	var err error
	s.customer, err = session.NewCustomer(s.customerConfig())
	require.NoError(s, err)
	s.lane, err = s.customer.Lane(routerKeys[0].public.Address(), nodeKeys[0].public, s.router)
	require.NoError(s, err)
}

// forgetful is a scene whose lane has set nonces aside.
func forgetful(t *testing.T) *scene {
	s := newScene(t)
	s.call(1)
	s.pay()
	return s
}

// What a crash forgot comes again from the node, and is paid: calls with their receipts, in whatever state they were.
func TestForgottenCallsAreFoundAgain(t *testing.T) {
	s := forgetful(t)
	accepted := s.call(1)
	s.finished(s.admitted(20), 2) // its receipt does not come
	never := s.begin(10)          // does not get to the node
	s.crash()
	st := s.lane.Standing()
	require.Equal(t, uint64(1), st.Count)
	require.Equal(t, 1, st.Orphans, "something may be missing")
	s.resume()
	st = s.lane.Standing()
	require.Equal(t, uint64(3), st.Count)
	require.Equal(t, uint64(40), st.Sum)
	require.Zero(t, st.Orphans)
	require.Zero(t, st.Open)
	require.Equal(t, uint64(40), s.pay().Amount)
	require.Greater(t, s.begin(10).Nonce, never.Nonce, "no nonce is used twice")
	require.NoError(t, s.lane.Accept(accepted, nil), "it is known")
	require.Empty(t, s.lane.Standing().Why)
}

// What the node did not get before it was asked is void: a receipt for it afterwards is a lie.
func TestForgottenCallThatTheNodeNeverGotIsVoid(t *testing.T) {
	s := forgetful(t)
	never := s.begin(10)
	s.crash()
	s.resume()
	_, err := s.node.Admit(s.ctx, never)
	require.ErrorIs(t, err, session.ErrNonce)
	r := forge(t, nodeKeys[0], receipt.Receipt{Sequence: 1, Request: never, Amount: 10, Status: receipt.StatusComplete})
	require.ErrorIs(t, s.lane.Accept(r, nil), session.ErrQuarantined)
}

// A node can make up no call: only what we signed is ours.
func TestForgottenCallsCannotBeMadeUp(t *testing.T) {
	s := forgetful(t)
	mine := s.begin(10)
	s.crash()
	other := mine
	other.MaxPrice = 1_000
	r := forge(t, nodeKeys[0], receipt.Receipt{Sequence: 1, Request: other, Amount: 1_000, Status: receipt.StatusComplete})
	require.ErrorIs(t, s.lane.Accept(r, nil), session.ErrQuarantined)
}

// One receipt for a call, also when it was forgotten, and after another crash.
func TestForgottenCallIsPaidOnce(t *testing.T) {
	s := forgetful(t)
	mine := s.begin(10)
	s.crash()
	first := forge(t, nodeKeys[0], receipt.Receipt{Sequence: 1, Request: mine, Amount: 10, Status: receipt.StatusComplete})
	require.NoError(t, s.lane.Accept(first, nil))
	require.NoError(t, s.customerStore.Batch())
	s.crash()
	require.Equal(t, uint64(2), s.lane.Standing().Count)
	second := forge(t, nodeKeys[0], receipt.Receipt{Sequence: 2, Request: mine, Amount: 10, Status: receipt.StatusComplete})
	require.ErrorIs(t, s.lane.Accept(second, nil), session.ErrQuarantined)
}

// A forgotten call that still runs is not void: its receipt comes later.
func TestForgottenCallThatStillRuns(t *testing.T) {
	s := forgetful(t)
	running := s.admitted(10)
	s.crash()
	s.resume()
	require.Equal(t, 1, s.lane.Standing().Orphans)
	r := s.finished(running, 1)
	s.crash()
	s.resume()
	require.Zero(t, s.lane.Standing().Orphans)
	require.Equal(t, r.Sequence+1, s.lane.Standing().Count)
	require.Equal(t, uint64(20), s.pay().Amount)
}
