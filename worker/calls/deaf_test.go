package calls

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/protocol/identify"
	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/identity"
	"github.com/edgematrix/emc/pkg/mesh"
	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session/model"
	"github.com/edgematrix/emc/pkg/transfer"
)

// A router that was connected before the node began to speak, and missed that it does, hears it by a new connection.
func TestRouterThatMissedTheNode(t *testing.T) {
	node, router := identity.New(), identity.New()
	nodeHost, routerHost := newHost(t, node), newHost(t, router)
	nodeKey, err := node.ReceiptKey()
	require.NoError(t, err)
	heard := make(chan struct{}, 64)
	topic, err := mesh.Join(t.Context(), mesh.Config{
		Host: routerHost, ChainID: "emc-1", Admit: func(a receipt.Address) bool { return a == nodeKey.Public().Address() },
		Heard: func(mesh.Status) { heard <- struct{}{} },
	})
	require.NoError(t, err)
	go func() { _ = topic.Run(t.Context()) }()
	routerHost.RemoveStreamHandler(identify.IDPush) // by which the node would tell
	require.NoError(t, nodeHost.Connect(t.Context(), peer.AddrInfo{ID: routerHost.ID(), Addrs: routerHost.Addrs()}))
	known := func() bool {
		p, err := routerHost.Peerstore().GetProtocols(nodeHost.ID())
		return err == nil && len(p) > 0
	}
	require.Eventually(t, known, 20*time.Second, time.Millisecond)

	ctx, stop := context.WithCancel(t.Context())
	c, err := Open(ctx, Config{
		ChainID: "emc-1", Identity: node, Host: nodeHost, Apps: &echo{load: mesh.App{ID: "echo", UnitPrice: 1, Capacity: 1, Ready: true}}, Chain: model.New("emc-1", time.Hour, time.Minute, time.Now),
		Routers: func(context.Context) ([]Router, error) {
			r, err := NewRouter("emc1router", router.PubKey(), transfer.Endpoints(routerHost))
			return []Router{r}, err
		},
		Ledger: filepath.Join(t.TempDir(), "calls.db"), Terms: Terms{Credit: 100, Unwritten: 10, Amount: 1, Age: time.Second},
		Proving: func() bool { return false }, Accepting: func() bool { return true }, Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	c.deaf.wait = 100 * time.Millisecond
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	select {
	case <-heard:
	case <-time.After(20 * time.Second):
		t.Fatal("the router did not hear it")
	}
	stop()
	require.NoError(t, <-done)
	require.NoError(t, c.Close())
}
