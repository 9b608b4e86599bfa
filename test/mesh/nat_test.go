package mesh

import (
	"context"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/transfer"
	"github.com/edgematrix/emc/test/e2e/rig"
	"github.com/edgematrix/emc/testutil/netlab"
)

// envLong set to 1 adds what takes long.
const envLong = "EMC_MESH_LONG"

// A GPU at home, behind the worse kind of NAT and with no open port, serves paid calls:
// workers dial routers.
func callsAtHome(s *site) {
	s.unreachable(s.worker.Address, s.home)
	s.open().whole(40)
}

// The worker's line is cut in the middle of an answer: the customer is told, when the router has noticed by itself, and the
// worker is there again when the line is. What the app said meanwhile is paid, though it did not arrive, as far as the node's
// credit goes.
func lineCut(s *site) {
	t, home := s.T, s.home
	if os.Getenv(envLong) != "1" {
		t.Skip(envLong + " is not 1: half a minute until a router notices is for soak runs")
	}
	said := s.counter.tokens.Load()
	a := s.open()
	const tokens = 40
	a.whole(tokens)

	t.Log("the line is cut in the middle of an answer")
	ctx, cancel := context.WithTimeout(s.ctx, patience)
	defer cancel()
	call, err := a.ask(ctx, 100_000)
	require.NoError(t, err)
	defer call.Close()
	require.Equal(t, token(0), call.next())
	require.NoError(t, home.Link().Down())
	last := ""
	for data := call.next(); data != ""; data = call.next() {
		last = data
	}
	require.NoError(t, ctx.Err(), "the router notices by itself")
	require.Contains(t, last, `"error"`, "a stream that broke must not look whole")
	require.NoError(t, home.Link().Up())
	a.whole(tokens)

	t.Log("the books")
	paid := a.settle(2 * tokens * unitPrice)
	require.GreaterOrEqual(t, paid, int64(2*tokens*unitPrice), "what came whole is paid")
	require.LessOrEqual(t, paid, (s.counter.tokens.Load()-said+3)*unitPrice, "nothing is paid that the app did not say, but the unit that is begun of each call")
}

// unreachable shows that nobody could dial the worker: neither where it says that it is but for routers, nor at its home's
// address. The chain says through which routers it is reached.
func (s *site) unreachable(address string, home *netlab.Host) {
	s.Helper()
	var n rig.Node
	require.NoError(s, rig.Eventually(s.ctx, patience, "the chain tells the node's routers", func() (ok bool, err error) {
		n, err = s.net.Node(s.ctx, address)
		return slices.ContainsFunc(n.Endpoints, transfer.IsCircuit), err
	}))
	doors := []string{netip.AddrPortFrom(home.Public(), 4600).String()}
	for _, e := range n.Endpoints {
		if transfer.IsCircuit(e) || !strings.Contains(e, "/tcp/") {
			continue
		}
		multi, err := ma.NewMultiaddr(e)
		require.NoError(s, err)
		_, door, err := manet.DialArgs(multi)
		require.NoError(s, err)
		doors = append(doors, door)
	}
	for _, door := range doors {
		ctx, cancel := context.WithTimeout(s.ctx, time.Second)
		_, err := s.customer.DialContext(ctx, "tcp4", door)
		cancel()
		var timeout net.Error
		require.ErrorAs(s, err, &timeout, door)
		require.True(s, timeout.Timeout(), "%s: %v", door, err)
	}
}
