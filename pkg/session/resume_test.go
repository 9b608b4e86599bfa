package session_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
	"github.com/edgematrix/emc/pkg/session/ledger"
)

func TestResumeHandsOverLostReceipts(t *testing.T) {
	s := newScene(t)
	for range 4 {
		s.finished(s.admitted(10), 1) // no receipt arrives
	}
	s.reopen()
	require.Equal(t, 4, s.lane.Standing().Open)
	state := s.resume()
	require.Len(t, state.Receipts, 4)
	st := s.lane.Standing()
	require.Equal(t, uint64(4), st.Count)
	require.Equal(t, uint64(40), st.Owed())
	require.Zero(t, st.Open)
	s.pay()
}

func TestResumeBringsTheMissingReceipt(t *testing.T) {
	s := newScene(t)
	for range 20 {
		for range 15 {
			r := s.finished(s.admitted(0), 0)
			if r.Sequence > 0 { // the first one is missing, so all others wait
				require.NoError(t, s.lane.Accept(r, nil))
			}
			if s.lane.Standing().Open == 15 {
				break
			}
		}
		s.resume()
	}
	require.Equal(t, s.node.Account(s.lane.ID()).Count, s.lane.Standing().Count)
}

func TestCallsThatTheNodeNeverGotAreVoid(t *testing.T) {
	s := newScene(t)
	lost := s.begin(10)
	s.lane.Orphaned(lost.Nonce)
	s.resume()
	require.Zero(t, s.lane.Standing().Open)
	_, err := s.node.Admit(s.ctx, lost)
	require.ErrorIs(t, err, session.ErrNonce, "it arrives late, and is refused")
	s.call(1)

	// A node that breaks its word: it serves the call all the same.
	r := s.finished(s.admitted(10), 1)
	r.Request = lost
	require.ErrorIs(t, s.lane.Accept(forge(t, nodeKeys[0], r), nil), session.ErrUnknownCall)
	require.NotEmpty(t, s.lane.Standing().Why)
}

func TestResumeLeavesRunningCallsAlone(t *testing.T) {
	s := newScene(t)
	running := s.admitted(20)
	require.NoError(t, running.TryDeliver(1, 10))
	state := s.resume()
	require.Equal(t, []uint64{running.Request().Nonce}, state.Running)
	require.NoError(t, running.TryDeliver(1, 10), "a stream brings it")
	s.lane.Orphaned(running.Request().Nonce)
	s.resume()
	require.ErrorIs(t, running.TryDeliver(0, 0), session.ErrCallOver, "no stream brings it any more")
	r, _, err := running.Finish(receipt.StatusCancelled, receipt.NewResponseHash())
	require.NoError(t, err)
	require.Equal(t, uint64(20), r.Amount)
	s.resume()
	require.Equal(t, uint64(20), s.lane.Standing().Sum)
}

func TestKilledNodeAsksForWhatTheCustomerSaw(t *testing.T) {
	for name, row := range map[string]struct {
		heard, amount uint64
	}{
		"what was written down":           {0, 20},
		"what the customer saw":           {30, 30},
		"never above the maximum price":   {1 << 40, 40},
		"a liar cannot make it any lower": {10, 20},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			c := s.admitted(40)
			for range 3 { // the third piece makes the node write down two
				require.NoError(t, c.TryDeliver(1, 10))
			}
			nonce := c.Request().Nonce
			s.lane.Heard(nonce, row.heard)
			s.lane.Orphaned(nonce)
			s.nodeStore.Crash()
			s.nodeStore.Restart()
			var err error
			s.node, err = session.NewNode(s.nodeConfig())
			require.NoError(t, err)
			require.Equal(t, uint64(20), s.node.Account(s.lane.ID()).Running)
			s.resume()
			require.Equal(t, row.amount, s.lane.Standing().Sum)
			s.pay()
			s.call(1)
		})
	}
}

func TestResumeIsSignedAndNew(t *testing.T) {
	s := newScene(t)
	asked, err := s.lane.Resume()
	require.NoError(t, err)
	forged := asked
	forged.Count++
	_, err = s.node.Resume(s.ctx, forged)
	require.ErrorIs(t, err, receipt.ErrRequest)
	forged = asked
	forged.Request.Nonce++
	_, err = s.node.Resume(s.ctx, forged)
	require.ErrorIs(t, err, receipt.ErrSessionSignature)
	state, err := s.node.Resume(s.ctx, asked)
	require.NoError(t, err)
	_, err = s.node.Resume(s.ctx, asked)
	require.ErrorIs(t, err, session.ErrNonce)
	state.Nonce++
	_, err = s.lane.Resumed(asked, state)
	require.ErrorIs(t, err, session.ErrLane)
	_, err = s.node.Admit(s.ctx, asked.Request)
	require.Error(t, err, "a question is no call")
}

func TestNodeThatLostItsLedgerIsLeft(t *testing.T) {
	for name, change := range map[string]func(*session.State){
		"fewer receipts":    func(st *session.State) { st.Count, st.Root = 0, receipt.EmptyRoot() },
		"another tree":      func(st *session.State) { st.Root[0] ^= 1 },
		"withheld receipts": func(st *session.State) { st.Count += 3 },
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.call(1)
			asked, err := s.lane.Resume()
			require.NoError(t, err)
			state, err := s.node.Resume(s.ctx, asked)
			require.NoError(t, err)
			change(&state)
			_, err = s.lane.Resumed(asked, state)
			require.ErrorIs(t, err, session.ErrContradiction)
			require.ErrorIs(t, err, session.ErrQuarantined)
		})
	}
}

func TestResumeCodec(t *testing.T) {
	s := newScene(t)
	s.finished(s.admitted(10), 1)
	open := s.begin(10)
	s.lane.Orphaned(open.Nonce)
	s.lane.Heard(open.Nonce, 5)
	asked, err := s.lane.Resume()
	require.NoError(t, err)
	b, err := asked.MarshalBinary()
	require.NoError(t, err)
	back, err := session.UnmarshalResume(b)
	require.NoError(t, err)
	require.Equal(t, asked, back)
	b[len(b)-1] ^= 1
	_, err = session.UnmarshalResume(b)
	require.ErrorIs(t, err, receipt.ErrRequest)

	state, err := s.node.Resume(s.ctx, asked)
	require.NoError(t, err)
	b, err = state.MarshalBinary()
	require.NoError(t, err)
	again, err := session.UnmarshalState(b)
	require.NoError(t, err)
	require.Equal(t, state, again)
}

func TestNodeLedgerOfAnotherNode(t *testing.T) {
	s := newScene(t)
	c := s.nodeConfig()
	c.Key, c.Public = nodeKeys[1], nodeKeys[1].public
	_, err := session.NewNode(c)
	require.ErrorIs(t, err, session.ErrLedger)
	c.Store = ledger.NewMemory()
	_, err = session.NewNode(c)
	require.NoError(t, err)
}
