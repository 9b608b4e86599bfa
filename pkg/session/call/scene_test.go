package call_test

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

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
	"github.com/edgematrix/emc/pkg/session/call"
	"github.com/edgematrix/emc/pkg/session/ledger"
	"github.com/edgematrix/emc/pkg/session/model"
)

const (
	chainID = "emc-local-1"
	credit  = 40
)

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

var (
	sessionKey, nodeKey, routerKey = pair(1), pair(2), pair(4)
	sessionID                      = receipt.NewSessionID([]byte("owner"), 1)
)

// scene is a customer, a node and a router in one process, with real time and pipes.
type scene struct {
	testing.TB
	ctx       context.Context
	chain     *model.Chain
	node      *session.Node
	sequencer *session.Sequencer
	lane      *session.Lane
	server    call.ServerConfig
	serving   sync.WaitGroup
}

func newScene(tb testing.TB, app call.App) *scene {
	tb.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s := &scene{TB: tb, ctx: ctx}
	s.chain = model.New(chainID, time.Hour, 10*time.Minute, time.Now)
	s.chain.Open(sessionID, sessionKey.public, 1<<40, 24*time.Hour, session.Router{Key: routerKey.public, Allotment: 1 << 40})
	s.chain.SetCover(routerKey.public.Address(), nodeKey.public.Address(), 1<<40)
	cached := session.NewCached(s.chain, time.Now, time.Minute, 10)
	var err error
	s.node, err = session.NewNode(session.NodeConfig{ChainID: chainID, Key: nodeKey, Public: nodeKey.public, Chain: cached, Store: ledger.NewMemory(),
		Now: time.Now, Random: rand.Reader, Credit: credit, Unwritten: 20, Margin: time.Minute})
	require.NoError(tb, err)
	s.sequencer, err = session.NewSequencer(session.SequencerConfig{ChainID: chainID, Key: routerKey, Public: routerKey.public, Chain: cached, Store: ledger.NewMemory(),
		Now: time.Now, Margin: time.Minute})
	require.NoError(tb, err)
	s.server = call.DefaultServerConfig(s.node, app)
	s.server.Logger = slog.New(slog.DiscardHandler)
	s.lane = s.newLane(s.sequencer)
	tb.Cleanup(func() { cancel(); s.serving.Wait() })
	return s
}

func (s *scene) newLane(cosigner session.Cosigner) *session.Lane {
	s.Helper()
	customer, err := session.NewCustomer(session.CustomerConfig{ChainID: chainID, Session: sessionID, Key: sessionKey, Public: sessionKey.public, KeyID: 1,
		Store: ledger.NewMemory(), Now: time.Now})
	require.NoError(s, err)
	lane, err := customer.Lane(routerKey.public.Address(), nodeKey.public, cosigner)
	require.NoError(s, err)
	return lane
}

// dial opens a stream to the node.
func (s *scene) dial() *call.Client {
	s.Helper()
	ours, theirs := net.Pipe()
	s.serving.Go(func() { _ = s.server.Serve(s.ctx, theirs) })
	return s.client(ours)
}

func (s *scene) client(stream io.ReadWriteCloser) *call.Client {
	s.Helper()
	c, err := call.NewClient(call.ClientConfig{Lane: s.lane, Slice: 20, Ahead: 1000, Wait: 5 * time.Second, Write: 5 * time.Second, Drain: 5 * time.Second}, stream)
	require.NoError(s, err)
	s.Cleanup(func() { _ = c.Close() })
	return c
}

// echo answers by the body, a byte a piece, at 10 uemc each.
type echo struct{}

func (echo) Answer(_ context.Context, _ receipt.Request, body []byte, send func(call.Piece) error) error {
	for i := range body {
		if err := send(call.Piece{Data: body[i : i+1], Units: 1, Amount: 10}); err != nil {
			return err
		}
	}
	return nil
}

// appFunc is an App.
type appFunc func(ctx context.Context, body []byte, send func(call.Piece) error) error

func (f appFunc) Answer(ctx context.Context, _ receipt.Request, body []byte, send func(call.Piece) error) error {
	return f(ctx, body, send)
}

// say makes a whole call.
func (s *scene) say(c *call.Client, body string, maxPrice uint64) (string, receipt.Receipt) {
	s.Helper()
	k, err := c.Call(s.ctx, "echo", []byte(body), maxPrice)
	require.NoError(s, err)
	got, err := io.ReadAll(k)
	require.NoError(s, err)
	return string(got), k.Receipt()
}
