package service

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/cosmos/cosmos-sdk/crypto/keys/secp256k1"
	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/httpcall"
	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
	"github.com/edgematrix/emc/pkg/session/call"
	"github.com/edgematrix/emc/pkg/session/ledger"
)

const chainID = "emc-local-1"

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

var sessionKey, nodeKey, routerKey = pair(1), pair(2), pair(4)

// oneSession is a chain with one session, which is open.
type oneSession struct{ session.Info }

func (c oneSession) Session(context.Context, receipt.SessionID) (session.Info, error) {
	return c.Info, nil
}

func (oneSession) Cover(context.Context, receipt.Address, receipt.Address) (uint64, error) {
	return 1 << 40, nil
}

func (oneSession) Redeem(context.Context, []receipt.Voucher) ([]session.Redemption, error) {
	return nil, nil
}

// market is a customer, a router and a node that answers with a Set.
type market struct {
	testing.TB
	node    *session.Node
	lane    *session.Lane
	server  call.ServerConfig
	serving sync.WaitGroup
	ctx     context.Context
}

func newMarket(tb testing.TB, set *Set) *market {
	tb.Helper()
	m := &market{TB: tb}
	var cancel context.CancelFunc
	m.ctx, cancel = context.WithCancel(context.Background())
	tb.Cleanup(func() { cancel(); m.serving.Wait() })
	id := receipt.NewSessionID([]byte("owner"), 1)
	chain := oneSession{session.Info{
		ID: id, Open: true, Pays: true, Key: sessionKey.public, KeyID: 1, ExpiresAt: time.Now().Add(time.Hour),
		Routers: []session.Router{{Key: routerKey.public, Allotment: 1 << 40}},
	}}
	var err error
	m.node, err = session.NewNode(session.NodeConfig{
		ChainID: chainID, Key: nodeKey, Public: nodeKey.public, Chain: chain, Store: ledger.NewMemory(),
		Now: time.Now, Random: rand.Reader, Credit: 100, Unwritten: 20, Margin: time.Minute, Price: set.Admit,
	})
	require.NoError(tb, err)
	router, err := session.NewSequencer(session.SequencerConfig{
		ChainID: chainID, Key: routerKey, Public: routerKey.public, Chain: chain, Store: ledger.NewMemory(), Now: time.Now, Margin: time.Minute,
	})
	require.NoError(tb, err)
	customer, err := session.NewCustomer(session.CustomerConfig{
		ChainID: chainID, Session: id, Key: sessionKey, Public: sessionKey.public, KeyID: 1, Store: ledger.NewMemory(), Now: time.Now,
	})
	require.NoError(tb, err)
	m.lane, err = customer.Lane(routerKey.public.Address(), nodeKey.public, router)
	require.NoError(tb, err)
	m.server = call.DefaultServerConfig(m.node, set)
	m.server.Logger = slog.New(slog.DiscardHandler)
	return m
}

func (m *market) dial() *call.Client {
	m.Helper()
	ours, theirs := net.Pipe()
	m.serving.Go(func() { _ = m.server.Serve(m.ctx, theirs) })
	c, err := call.NewClient(call.ClientConfig{Lane: m.lane, Slice: 20, Ahead: 1000, Wait: 10 * time.Second, Write: 10 * time.Second, Drain: 10 * time.Second}, ours)
	require.NoError(m, err)
	m.Cleanup(func() { _ = c.Close() })
	return c
}

func (m *market) start(c *call.Client, target, body string, maxPrice uint64) *call.Call {
	m.Helper()
	asked, err := httpcall.AppendRequest(nil, "POST", target, nil, []byte(body))
	require.NoError(m, err)
	k, err := c.Call(m.ctx, "app", asked, maxPrice)
	require.NoError(m, err)
	return k
}

// What is charged is what the receipts say, and vouchers pay for it.
func TestReceipts(t *testing.T) {
	s := newScene(t, nil)
	m := newMarket(t, s.Set)
	c := m.dial()
	sum := uint64(0)
	for _, x := range []struct {
		target        string
		maxPrice      uint64
		status        receipt.Status
		units, amount uint64
	}{
		{"/say/", 100, receipt.StatusComplete, 0, 3},
		{"/stream/20", 1000, receipt.StatusComplete, 45, 453},
		{"/stream/20", 57, receipt.StatusComplete, 5, 53},
		{"/tokens/7", 1000, receipt.StatusComplete, 7, 73},
		{"/tokens/7", 50, receipt.StatusComplete, 0, 3},
		{"/die/middle", 100, receipt.StatusFailed, 0, 0},
		{"/garbage/", 100, receipt.StatusFailed, 0, 0},
		{"/broken/", 100, receipt.StatusComplete, 0, 0},
		{"/nowhere", 100, receipt.StatusComplete, 0, 3},
	} {
		k := m.start(c, x.target, "", x.maxPrice)
		_, err := io.ReadAll(k)
		require.NoError(t, err, x.target)
		r := k.Receipt()
		require.Equal(t, x.status, r.Status, x.target)
		require.Equal(t, x.units, r.Units, x.target)
		require.Equal(t, x.amount, r.Amount, x.target)
		sum += r.Amount
	}
	require.NoError(t, c.Settle(m.ctx))
	require.Equal(t, sum, m.lane.Standing().Sum)
	require.Zero(t, m.node.Account(m.lane.ID()).Exposure)
}

// A cancelled call costs what came, and its process is replaced; refusals come before anything is signed.
func TestCancelledCall(t *testing.T) {
	s := newScene(t, nil)
	m := newMarket(t, s.Set)
	c := m.dial()
	k := m.start(c, "/forever", "", 100_000)
	_, err := io.ReadFull(k, make([]byte, 300))
	require.NoError(t, err)
	require.NoError(t, k.Cancel())
	r := k.Receipt()
	require.Equal(t, receipt.StatusCancelled, r.Status)
	require.Equal(t, 3+10*r.Units, r.Amount)
	require.Positive(t, r.Units)
	k = m.start(c, "/say/", "next", 100)
	answer, err := io.ReadAll(k)
	require.NoError(t, err)
	require.Contains(t, string(answer), "2: next")

	s.Hold(true)
	_, err = io.ReadAll(m.start(c, "/say/", "", 100))
	require.ErrorIs(t, err, session.ErrBusy)
	require.NotErrorIs(t, err, session.ErrPrice)
	s.Hold(false)
	_, err = io.ReadAll(m.start(c, "/say/", "", 2))
	require.ErrorIs(t, err, session.ErrPrice)
	require.NoError(t, c.Resume(m.ctx))
	require.Equal(t, uint64(2), m.lane.Standing().Count, "refused calls have no receipts")
}
