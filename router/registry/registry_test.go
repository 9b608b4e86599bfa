package registry

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cosmos/cosmos-sdk/crypto/keys/secp256k1"

	"github.com/edgematrix/emc/pkg/chainclient"
	"github.com/edgematrix/emc/pkg/receipt"
	computetypes "github.com/edgematrix/emc/x/compute/types"
)

type chain struct {
	nodes map[string]computetypes.Node
	down  atomic.Bool
	asked atomic.Int64
}

func (c *chain) Node(_ context.Context, a string) (computetypes.NodeView, error) {
	c.asked.Add(1)
	if c.down.Load() {
		return computetypes.NodeView{}, errors.New("down")
	}
	n, ok := c.nodes[a]
	if !ok {
		return computetypes.NodeView{}, chainclient.ErrNotFound
	}
	return computetypes.NodeView{Node: n}, nil
}

func (c *chain) App(_ context.Context, id string) (computetypes.App, error) {
	if id != "charlm" {
		return computetypes.App{}, chainclient.ErrNotFound
	}
	return computetypes.App{Id: id, Unit: "character"}, nil
}

// Only a computing node that is neither jailed nor retiring is admitted, and one question serves many calls.
func TestAdmit(t *testing.T) {
	c := &chain{nodes: map[string]computetypes.Node{}}
	add := func(change func(*computetypes.Node)) receipt.Address {
		pub := secp256k1.GenPrivKey().PubKey()
		key, err := receipt.ParsePublicKey(pub.Bytes())
		require.NoError(t, err)
		n := computetypes.Node{Pubkey: pub.Bytes(), Role: computetypes.ROLE_COMPUTING}
		change(&n)
		c.nodes[key.Address().String()] = n
		return key.Address()
	}
	good := add(func(n *computetypes.Node) { n.Power = 7; n.Offer.Region = "DE" })
	bad := []receipt.Address{
		add(func(n *computetypes.Node) { n.Jailed = true }), add(func(n *computetypes.Node) { n.Retiring = true }),
		add(func(n *computetypes.Node) { n.Role = computetypes.ROLE_ROUTER }), {1},
	}
	r := New(c, slog.New(slog.DiscardHandler))
	require.False(t, r.Admit(good), "nothing is known yet, and nobody waits")
	go func() { _ = r.Run(t.Context()) }()
	require.Eventually(t, func() bool { return r.Admit(good) }, 10*time.Second, time.Millisecond)
	n, ok := r.Node(good)
	require.True(t, ok)
	require.Equal(t, good, n.Key.Address())
	require.EqualValues(t, 7, n.Power)
	for _, a := range bad {
		require.False(t, r.Admit(a))
		require.Eventually(t, func() bool { _, ok := r.look(question{node: a}); return ok }, 10*time.Second, time.Millisecond)
		require.False(t, r.Admit(a))
	}
	asked := c.asked.Load()
	for range 1000 {
		require.True(t, r.Admit(good))
	}
	require.Equal(t, asked, c.asked.Load())

	// A chain that is away takes nothing back.
	c.down.Store(true)
	r.mu.Lock()
	r.entries[question{node: good}].at = time.Now().Add(-2 * fresh)
	r.mu.Unlock()
	require.True(t, r.Admit(good))
	require.Eventually(t, func() bool { return c.asked.Load() > asked }, 10*time.Second, time.Millisecond)
	require.True(t, r.Admit(good))

	require.Eventually(t, func() bool { a, ok := r.App("charlm"); return ok && a.Unit == "character" }, 10*time.Second, time.Millisecond)
	_, ok = r.App("other")
	require.False(t, ok)
}

// What a list of the chain says of a router counts as if it had been asked about, and is asked again when it is old: a router
// that leaves is known no longer.
func TestLearn(t *testing.T) {
	c := &chain{nodes: map[string]computetypes.Node{}}
	pub := secp256k1.GenPrivKey().PubKey()
	key, err := receipt.ParsePublicKey(pub.Bytes())
	require.NoError(t, err)
	a := key.Address()
	n := computetypes.Node{Pubkey: pub.Bytes(), Role: computetypes.ROLE_ROUTER, Endpoints: []string{"/ip4/203.0.113.7/tcp/4700", "nonsense"}}
	r := New(c, slog.New(slog.DiscardHandler))
	go func() { _ = r.Run(t.Context()) }()
	require.False(t, r.KnownRouter(a))
	at, err := r.Learn(computetypes.NodeView{Node: n})
	require.NoError(t, err)
	require.Len(t, at.Addrs, 1)
	require.True(t, r.KnownRouter(a))
	require.False(t, r.Known(a), "a router is no computing node")
	got, ok := r.Router(a)
	require.True(t, ok)
	require.Equal(t, at, got)
	require.Zero(t, c.asked.Load())
	_, err = r.Learn(computetypes.NodeView{})
	require.Error(t, err)

	n.Retiring = true
	c.nodes[a.String()] = n
	require.True(t, r.KnownRouter(a))
	r.mu.Lock()
	r.entries[question{node: a}].at = time.Now().Add(-2 * fresh)
	r.mu.Unlock()
	require.Eventually(t, func() bool { return !r.KnownRouter(a) }, 10*time.Second, time.Millisecond)
}
