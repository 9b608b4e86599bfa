// Package overlibp2p_test makes a call over real libp2p streams. It stands apart from the tests of call so that its fuzz
// target is not built, and instrumented, with libp2p.
package overlibp2p_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/cosmos/cosmos-sdk/crypto/keys/secp256k1"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
	"github.com/edgematrix/emc/pkg/session/call"
	"github.com/edgematrix/emc/pkg/session/ledger"
	"github.com/edgematrix/emc/pkg/session/model"
	"github.com/edgematrix/emc/pkg/transfer"
)

const (
	chainID = "emc-local-1"
	deposit = 1 << 40 // uemc
)

// keyPair is a key as its owner has it, and as the others know it.
type keyPair struct {
	*secp256k1.PrivKey
	public receipt.PublicKey
}

func pair(t *testing.T, b byte) keyPair {
	t.Helper()
	key := &secp256k1.PrivKey{Key: bytes.Repeat([]byte{b}, 32)}
	public, err := receipt.ParsePublicKey(key.PubKey().Bytes())
	require.NoError(t, err)
	return keyPair{key, public}
}

// lane is a customer's way to a node, whose end of the streams is server.
func lane(t *testing.T, customerKey, nodeKey keyPair) (*session.Lane, call.ServerConfig) {
	t.Helper()
	routerKey, id := pair(t, 4), receipt.NewSessionID([]byte("owner"), 1)
	chain := model.New(chainID, time.Hour, 10*time.Minute, time.Now)
	chain.Open(id, customerKey.public, deposit, 24*time.Hour, session.Router{Key: routerKey.public, Allotment: deposit})
	chain.SetCover(routerKey.public.Address(), nodeKey.public.Address(), deposit)
	node, err := session.NewNode(session.NodeConfig{ChainID: chainID, Key: nodeKey, Public: nodeKey.public, Chain: chain, Store: ledger.NewMemory(),
		Now: time.Now, Random: rand.Reader, Credit: 40, Unwritten: 20, Margin: time.Minute})
	require.NoError(t, err)
	router, err := session.NewSequencer(session.SequencerConfig{ChainID: chainID, Key: routerKey, Public: routerKey.public, Chain: chain, Store: ledger.NewMemory(),
		Now: time.Now, Margin: time.Minute})
	require.NoError(t, err)
	customer, err := session.NewCustomer(session.CustomerConfig{ChainID: chainID, Session: id, Key: customerKey, Public: customerKey.public, KeyID: 1,
		Store: ledger.NewMemory(), Now: time.Now})
	require.NoError(t, err)
	l, err := customer.Lane(routerKey.public.Address(), nodeKey.public, router)
	require.NoError(t, err)
	server := call.DefaultServerConfig(node, echo{})
	server.Logger = slog.New(slog.DiscardHandler)
	return l, server
}

// echo answers by the body, a byte a piece.
type echo struct{}

func (echo) Answer(_ context.Context, _ receipt.Request, body []byte, send func(call.Piece) error) error {
	for i := range body {
		if err := send(call.Piece{Data: body[i : i+1], Units: 1, Amount: 10}); err != nil {
			return err
		}
	}
	return nil
}

// listen makes a host that has the key's name.
func listen(t *testing.T, key keyPair, addresses ...string) host.Host {
	t.Helper()
	own, err := transfer.HostKey(key.Key)
	require.NoError(t, err)
	h, err := transfer.NewHost(t.Context(), own, addresses)
	require.NoError(t, err)
	t.Cleanup(func() { _ = h.Close() })
	return h
}

func TestCallsOverLibp2p(t *testing.T) {
	customerKey, nodeKey := pair(t, 1), pair(t, 2)
	l, server := lane(t, customerKey, nodeKey)
	far := listen(t, nodeKey, "/ip4/127.0.0.1/tcp/0")
	far.SetStreamHandler(call.Protocol, func(st network.Stream) { _ = server.Serve(t.Context(), st) })
	near := listen(t, customerKey)
	require.NoError(t, near.Connect(t.Context(), peer.AddrInfo{ID: far.ID(), Addrs: far.Addrs()}))
	stream, err := near.NewStream(t.Context(), far.ID(), call.Protocol)
	require.NoError(t, err)
	c, err := call.NewClient(call.ClientConfig{Lane: l, Slice: 20, Ahead: 1000, Wait: 5 * time.Second, Write: 5 * time.Second, Drain: 5 * time.Second}, stream)
	require.NoError(t, err)
	const text = "over a real network, with vouchers in the middle"
	k, err := c.Call(t.Context(), "echo", []byte(text), 1000)
	require.NoError(t, err)
	got, err := io.ReadAll(k)
	require.NoError(t, err)
	require.Equal(t, text, string(got))
	require.NoError(t, c.Settle(t.Context()))
	require.Zero(t, l.Standing().Owed())
	require.NoError(t, c.Close())
}
