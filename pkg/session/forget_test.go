package session_test

import (
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
	"github.com/edgematrix/emc/pkg/session/ledger"
	"github.com/edgematrix/emc/pkg/session/model"
)

// forgetter is a party whose session is over, seen from outside.
type forgetter struct {
	store   func(*scene) *ledger.Memory
	many    string // the kind of record that there can be millions of; empty when there is one for each node
	batches int    // that a Forget of so many takes: the mark, and pieces of each kind
	left    int    // records that stay: whose ledger it is, and the mark
	forget  func(*scene) error
	use     func(*over) error // what would use a nonce or an amount again
	refused error
}

var forgetters = map[string]forgetter{
	"customer": {
		store: func(s *scene) *ledger.Memory { return s.customerStore }, many: "customer/receipt/", batches: 1 + 1 + 3 + 1, left: 2,
		forget: func(s *scene) error { return s.customer.Forget(s.ctx, s.chain) },
		use: func(o *over) error {
			lane, err := o.customer.Lane(routerKeys[0].public.Address(), nodeKeys[0].public, o.router)
			if err != nil {
				return err
			}
			r, err := lane.Begin("echo", receipt.Digest{}, 1)
			if err == nil && r.Nonce > o.request.Nonce {
				return errGoesOn
			}
			return err
		}, refused: session.ErrSession,
	},
	"node": {
		store: func(s *scene) *ledger.Memory { return s.nodeStore }, many: "node/receipt/", batches: 1 + 1 + 3 + 1, left: 2,
		forget: func(s *scene) error { return s.node.Forget(s.ctx, sessionID) },
		use: func(o *over) error {
			_, err := o.node.Admit(o.ctx, o.request)
			return err
		}, refused: session.ErrSession,
	},
	"router": {
		store: func(s *scene) *ledger.Memory { return s.routerStore }, batches: 1 + 1, left: 2,
		forget: func(s *scene) error { return s.router.Forget(s.ctx, sessionID) },
		use: func(o *over) error {
			_, err := o.router.Cosign(o.ctx, o.voucher(1, allotment, 0)) // the other node's, beyond what is left
			return err
		}, refused: session.ErrSealed,
	},
}

// errGoesOn means a customer who has forgotten nothing yet, and uses the next nonce.
var errGoesOn = errors.New("it goes on")

// over is a scene whose session is settled, and a chain that lags behind: it shows the session open.
type over struct {
	*scene
	truth, late *model.Chain
	request     receipt.Request // that was served
}

func newOver(t *testing.T) *over {
	s := newScene(t)
	o := &over{scene: s, truth: s.chain}
	o.request = s.call(1).Request
	s.pay()
	s.finished(s.admitted(10), 1) // a receipt that got lost: an open call
	s.admitted(10)                // one that runs
	o.late = model.New(chainID, time.Hour, 10*time.Minute, s.clock)
	s.settle()
	o.late.Open(sessionID, sessionKey.public, 3*allotment, 24*time.Hour, session.Router{Key: routerKeys[0].public, Allotment: allotment})
	o.late.SetCover(routerKeys[0].public.Address(), nodeKeys[0].public.Address(), cover)
	return o
}

// settle lets the session come to its end.
func (s *scene) settle() {
	s.Helper()
	s.chain.Close(sessionID)
	s.step(s.redeemer(s.chain))
	s.now = s.now.Add(2 * time.Hour)
	s.restart()
}

// as is a new process for everyone, with another chain.
func (o *over) as(chain *model.Chain) {
	o.Helper()
	o.chain = chain
	o.restart()
}

func keys(t *testing.T, store *ledger.Memory, prefix string) (n int) {
	t.Helper()
	require.NoError(t, store.Iterate([]byte(prefix), func(_, _ []byte) error { n++; return nil }))
	return n
}

func TestForgottenSessionsAreNotUsedAgain(t *testing.T) {
	for name, p := range forgetters {
		t.Run(name, func(t *testing.T) {
			o := newOver(t)
			require.NoError(t, p.forget(o.scene))
			require.Equal(t, p.left, keys(t, p.store(o.scene), ""))
			require.ErrorIs(t, p.use(o), p.refused)
			require.NoError(t, p.forget(o.scene), "again")
			o.as(o.late)
			require.ErrorIs(t, p.use(o), p.refused)
			require.ErrorIs(t, p.forget(o.scene), session.ErrNeeded, "this chain shows it open")
			o.as(model.New(chainID, time.Hour, time.Hour, o.clock))
			require.NoError(t, p.forget(o.scene), "the chain forgot it too")
			require.Equal(t, p.left, keys(t, p.store(o.scene), ""))
		})
	}
}

func TestSessionsAreKeptUntilTheyAreSettled(t *testing.T) {
	for name, p := range forgetters {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.call(1)
			s.pay()
			was := keys(t, p.store(s), "")
			require.ErrorIs(t, p.forget(s), session.ErrNeeded)
			s.chain.Close(sessionID)
			require.ErrorIs(t, p.forget(s), session.ErrNeeded, "vouchers can still be redeemed")
			require.Equal(t, was, keys(t, p.store(s), ""))
			s.pay()
		})
	}
}

// TestKilledWhileForgetting kills a party before and after each batch in which it forgets a session of many records. Its
// next life refuses the session even if the chain shows it open, or has forgotten nothing; and it can be told to go on.
func TestKilledWhileForgetting(t *testing.T) {
	const many = 25_000
	for name, p := range forgetters {
		t.Run(name, func(t *testing.T) {
			boundaries := 0
			for done, k := false, 1; !done; k++ {
				for _, after := range []bool{false, true} {
					o := newOver(t)
					store := p.store(o.scene)
					if p.many != "" {
						o.fill(store, p.many, many)
					}
					was := keys(t, store, "")
					store.CrashIn(k, after)
					if err := p.forget(o.scene); err == nil {
						done = true
						continue
					}
					boundaries++
					store.Restart()
					o.as(o.late)
					left := keys(t, store, "")
					err := p.use(o)
					require.Error(t, err)
					if k == 1 && !after {
						require.Equal(t, was, left)
						require.NotErrorIs(t, err, p.refused)
					} else {
						require.ErrorIs(t, err, p.refused, "killed at batch %d", k)
					}
					o.as(o.truth)
					require.NoError(t, p.forget(o.scene))
					require.Equal(t, p.left, keys(t, store, ""))
				}
			}
			require.Equal(t, 2*p.batches, boundaries)
		})
	}
}

// fill makes records as there are in a long life.
func (o *over) fill(store ledger.Store, kind string, n int) {
	o.Helper()
	lane := receipt.Lane{Session: sessionID, Router: routerKeys[0].public.Address(), Node: nodeKeys[0].public.Address()}
	prefix := append([]byte(kind), lane.Session[:]...)
	prefix = append(append(prefix, lane.Router[:]...), lane.Node[:]...)
	var ops []ledger.Op
	for i := range n {
		ops = append(ops, ledger.Op{Key: binary.BigEndian.AppendUint64(prefix[:len(prefix):len(prefix)], uint64(1000+i)), Value: []byte{1}})
	}
	require.NoError(o, store.Batch(ops...))
}

func TestForgetLeavesOtherSessionsAlone(t *testing.T) {
	s := newScene(t)
	s.call(1)
	s.pay()
	second := receipt.NewSessionID([]byte("owner"), 2)
	s.chain.Open(second, sessionKey.public, 3*allotment, 240*time.Hour, session.Router{Key: routerKeys[0].public, Allotment: allotment})
	cfg := s.customerConfig()
	cfg.Session = second
	other, err := session.NewCustomer(cfg)
	require.NoError(t, err)
	first := s.customer
	s.lane, err = other.Lane(routerKeys[0].public.Address(), nodeKeys[0].public, s.router)
	require.NoError(t, err)
	s.call(1)
	s.pay()
	s.chain.Close(sessionID)
	s.step(s.redeemer(s.chain))
	s.now = s.now.Add(2 * time.Hour)
	require.NoError(t, first.Forget(s.ctx, s.chain))
	require.NoError(t, s.node.Forget(s.ctx, sessionID))
	require.NoError(t, s.router.Forget(s.ctx, sessionID))
	s.restart()
	other, err = session.NewCustomer(cfg)
	require.NoError(t, err)
	s.lane, err = other.Lane(routerKeys[0].public.Address(), nodeKeys[0].public, s.router)
	require.NoError(t, err)
	require.Equal(t, uint64(1), s.lane.Standing().Count)
	s.call(2)
	require.Equal(t, uint64(30), s.pay().Amount)
}

func TestCustomerForgetsNoCallThatIsLive(t *testing.T) {
	s := newScene(t)
	r := s.begin(10)
	s.chain.Close(sessionID)
	s.now = s.now.Add(2 * time.Hour)
	require.ErrorIs(t, s.customer.Forget(s.ctx, s.chain), session.ErrNeeded)
	_, err := s.lane.Resume()
	require.NoError(t, err, "nothing has changed")
	s.lane.Orphaned(r.Nonce)
	require.NoError(t, s.customer.Forget(s.ctx, s.chain))
	_, err = s.lane.Begin("echo", receipt.Digest{}, 1)
	require.ErrorIs(t, err, session.ErrSession, "a lane that is still held")
	_, err = s.lane.Voucher(s.ctx)
	require.ErrorIs(t, err, session.ErrSession)
	require.Equal(t, 2, keys(t, s.customerStore, ""))
}

func TestNodeForgetsNoVoucherThatIsDue(t *testing.T) {
	s := newScene(t)
	running := s.admitted(1000)
	s.call(1)
	s.pay()
	s.now = s.now.Add(26 * time.Hour)
	require.ErrorIs(t, s.node.Forget(s.ctx, sessionID), session.ErrNeeded)
	require.Equal(t, 1, s.step(s.redeemer(s.chain)).Void)
	require.NoError(t, s.node.Forget(s.ctx, sessionID))
	require.Empty(t, s.node.Dues())
	require.ErrorIs(t, running.TryDeliver(1, 0), session.ErrSession)
	_, _, err := running.Finish(receipt.StatusComplete, receipt.NewResponseHash())
	require.ErrorIs(t, err, session.ErrSession)
	require.Equal(t, 2, keys(t, s.nodeStore, ""))
}
