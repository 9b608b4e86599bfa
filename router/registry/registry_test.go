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
