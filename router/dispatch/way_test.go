package dispatch_test

import (
	"context"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/mesh"
	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session/call"
	"github.com/edgematrix/emc/router/dispatch"
)

// detours says through which router streams go, and opens them directly all the same.
type detours struct {
	*scene
	mu    sync.Mutex
	via   receipt.Address
	gone  bool
	links []mesh.Link
}

func (d *detours) Heard(_ receipt.Address, links []mesh.Link) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.links = links
}

func (d *detours) Via(receipt.Address) receipt.Address {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.via
}

func (d *detours) Gone(receipt.Address) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.gone
}

func (d *detours) Open(ctx context.Context, node receipt.Address, id peer.ID) (io.ReadWriteCloser, receipt.Address, error) {
	st, err := d.host.NewStream(network.WithNoDial(ctx, "test"), id, call.Protocol)
	return st, d.Via(node), err
}

// A stream that broke because the router is gone that relayed it is no fault of the node; one that broke by itself is.
func TestARelayThatIsGone(t *testing.T) {
	for _, gone := range []bool{true, false} {
		ways := &detours{via: receipt.Address{7}, gone: gone}
		s := newScene(t, 1, with(func(c *dispatch.Config) { c.Paths = ways }), func(s *scene) { ways.scene = s })
		n := s.nodes[0]
		begun := make(chan struct{}, 1)
		n.does(begin(5, begun))
		a, err := s.Call(t.Context(), s.want("0123456789"))
		require.NoError(t, err)
		<-begun
		for _, st := range s.streams() {
			require.NoError(t, st.Reset())
		}
		_, err = io.ReadAll(a.Body)
		require.Error(t, err)
		require.NoError(t, a.Body.Close())
		require.Equal(t, !gone, s.Snapshot().Nodes[0].Faults > 0)
		n.does(echo)
		s.balance()
	}
}

// A call goes the way that is best now, and says so; streams that rest on another one are closed.
func TestTheWayOfACall(t *testing.T) {
	ways := &detours{}
	s := newScene(t, 1, with(func(c *dispatch.Config) { c.Paths = ways }), func(s *scene) { ways.scene = s })
	n := s.nodes[0]
	far := mesh.Link{Router: receipt.Address{7}, RTT: 5}
	n.announce(func(st *mesh.Status) { st.Routers = []mesh.Link{far} })
	require.Equal(t, []mesh.Link{far}, ways.links)
	require.NotContains(t, s.heard("x").Reason, "through")
	s.heard("x")
	require.EqualValues(t, 1, n.streams.Load(), "it rested")
	ways.mu.Lock()
	ways.via = far.Router
	ways.mu.Unlock()
	require.Contains(t, s.heard("x").Reason, "through router "+far.Router.String())
	require.EqualValues(t, 2, n.streams.Load())
	require.Eventually(t, func() bool { return len(s.streams()) == 1 }, 5*time.Second, time.Millisecond, "the old one is closed")
	s.heard("x")
	require.EqualValues(t, 2, n.streams.Load())
	s.balance()
}
