package session_test

import (
	"bytes"
	"context"
	"math/rand"
	"testing"
	"time"

	"github.com/cosmos/cosmos-sdk/crypto/keys/secp256k1"
	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
	"github.com/edgematrix/emc/pkg/session/ledger"
	"github.com/edgematrix/emc/pkg/session/model"
)

const chainID = "emc-local-1"

// keyPair is a key as its owner has it, and as the others know it.
type keyPair struct {
	*secp256k1.PrivKey
	public receipt.PublicKey
}

func pair(b byte) keyPair {
	key := &secp256k1.PrivKey{Key: bytes.Repeat([]byte{b}, 32)}
	public, err := receipt.ParsePublicKey(key.PubKey().Bytes())
	if err != nil {
		panic(err)
	}
	return keyPair{key, public.Precompute()}
}

// The cast of all tests: parsed once.
var (
	sessionKey, otherKey = pair(1), pair(9)
	nodeKeys             = [2]keyPair{pair(2), pair(3)}
	routerKeys           = [2]keyPair{pair(4), pair(5)}
	sessionID            = receipt.NewSessionID([]byte("owner"), 1)
)

const (
	credit    = 40
	unwritten = 20
	allotment = 100_000
	cover     = 50_000
	margin    = time.Minute
)

// scene is one customer, a node and a router of a test, without faults.
type scene struct {
	*testing.T
	now   time.Time
	chain *model.Chain
	ctx   context.Context

	customerStore, nodeStore, routerStore *ledger.Memory
	node                                  *session.Node
	router                                *session.Sequencer
	customer                              *session.Customer
	lane                                  *session.Lane
}

func (s *scene) clock() time.Time { return s.now }

func newScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{T: t, now: time.Unix(1_790_000_000, 0), ctx: context.Background(),
		customerStore: ledger.NewMemory(), nodeStore: ledger.NewMemory(), routerStore: ledger.NewMemory()}
	s.chain = model.New(chainID, time.Hour, 10*time.Minute, s.clock)
	s.chain.Open(sessionID, sessionKey.public, 3*allotment, 24*time.Hour,
		session.Router{Key: routerKeys[0].public, Allotment: allotment}, session.Router{Key: routerKeys[1].public, Allotment: allotment})
	for _, r := range routerKeys {
		for _, n := range nodeKeys {
			s.chain.SetCover(r.public.Address(), n.public.Address(), cover)
		}
	}
	s.reopen()
	return s
}

// reopen is a new process for everyone.
func (s *scene) reopen() {
	s.Helper()
	s.restart()
	var err error
	s.lane, err = s.customer.Lane(routerKeys[0].public.Address(), nodeKeys[0].public, s.router)
	require.NoError(s, err)
}

// restart is reopen without the lane.
func (s *scene) restart() {
	s.Helper()
	var err error
	s.node, err = session.NewNode(s.nodeConfig())
	require.NoError(s, err)
	s.router, err = session.NewSequencer(session.SequencerConfig{ChainID: chainID, Key: routerKeys[0], Public: routerKeys[0].public, Chain: s.chain, Store: s.routerStore, Now: s.clock, Margin: margin})
	require.NoError(s, err)
	s.customer, err = session.NewCustomer(s.customerConfig())
	require.NoError(s, err)
}

func (s *scene) nodeConfig() session.NodeConfig {
	return session.NodeConfig{ChainID: chainID, Key: nodeKeys[0], Public: nodeKeys[0].public, Chain: s.chain, Store: s.nodeStore,
		Now: s.clock, Random: rand.New(rand.NewSource(1)), Credit: credit, Unwritten: unwritten, Margin: margin}
}

func (s *scene) customerConfig() session.CustomerConfig {
	return session.CustomerConfig{ChainID: chainID, Session: sessionID, Key: sessionKey, Public: sessionKey.public, KeyID: 1, Store: s.customerStore,
		Now: s.clock, MaxOpen: 16, Budget: func(receipt.Address) uint64 { return allotment }}
}

func (s *scene) begin(maxPrice uint64) receipt.Request {
	s.Helper()
	r, err := s.lane.Begin("echo", receipt.RequestDigest([]byte("body")), maxPrice)
	require.NoError(s, err)
	return r
}

// call makes a whole call of so many pieces that cost 10 each, and accepts its receipt.
func (s *scene) call(pieces int) receipt.Receipt {
	s.Helper()
	r := s.finished(s.admitted(uint64(pieces)*10), pieces)
	require.NoError(s, s.lane.Accept(r, nil))
	return r
}

func (s *scene) admitted(maxPrice uint64) *session.NodeCall {
	s.Helper()
	c, err := s.node.Admit(s.ctx, s.begin(maxPrice))
	require.NoError(s, err)
	return c
}

func (s *scene) finished(c *session.NodeCall, pieces int) receipt.Receipt {
	s.Helper()
	for range pieces {
		require.NoError(s, c.TryDeliver(1, 10))
	}
	r, _, err := c.Finish(receipt.StatusComplete, receipt.NewResponseHash())
	require.NoError(s, err)
	return r
}

// pay brings the lane's voucher to the node.
func (s *scene) pay() receipt.Voucher {
	s.Helper()
	v, err := s.lane.Voucher(s.ctx)
	require.NoError(s, err)
	require.NoError(s, s.node.Take(s.ctx, v))
	return v
}

// resume brings customer and node together.
func (s *scene) resume() session.State {
	s.Helper()
	asked, err := s.lane.Resume()
	require.NoError(s, err)
	state, err := s.node.Resume(s.ctx, asked)
	require.NoError(s, err)
	again, err := s.lane.Resumed(asked, state)
	require.NoError(s, err)
	require.False(s, again)
	return state
}

// forge signs a receipt that an honest node would not.
func forge(t *testing.T, key keyPair, r receipt.Receipt) receipt.Receipt {
	t.Helper()
	b, err := receipt.ReceiptSignBytes(chainID, r)
	require.NoError(t, err)
	raw, err := key.Sign(b)
	require.NoError(t, err)
	r.Signature = receipt.Signature(raw)
	return r
}
