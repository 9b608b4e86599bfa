package mesh

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/testutil/netlab"
)

// A GPU at home, behind the worse kind of NAT and with no open port, serves paid calls:
// workers dial routers. Its line is cut in the middle of an answer: the customer is told,
// and the worker is there again when the line is. What the app said meanwhile is paid,
// though it did not arrive, as far as the node's credit goes.
func TestWorkerAtHomeServesCalls(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	home, err := s.lab.Home("worker", netlab.NAT{Mapping: netlab.EndpointDependent})
	require.NoError(t, err)
	require.NoError(t, home.Link().Delay(15*time.Millisecond, 0))
	require.NoError(t, home.Link().Rate(50_000_000))
	counter := newApp(t, home)
	w := s.worker(home, counter)
	s.ready(1)
	s.unreachable(w.Address, home)

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
	require.LessOrEqual(t, paid, (counter.tokens.Load()+3)*unitPrice, "nothing is paid that the app did not say, but the unit that is begun of each call")
}

// unreachable shows that nobody could dial the worker: neither where it says that it is,
// nor at its home's address.
func (s *site) unreachable(address string, home *netlab.Host) {
	s.Helper()
	n, err := s.net.Node(s.ctx, address)
	require.NoError(s, err)
	require.NotEmpty(s, n.Endpoints)
	doors := []string{netip.AddrPortFrom(home.Public(), 4600).String()}
	for _, e := range n.Endpoints {
		if !strings.Contains(e, "/tcp/") {
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

// A job's inputs do not reach such a worker yet: the customer dials the node's endpoints
// (pkg/jobclient, pkg/transfer), and there is no circuit relay through which they
// could be reached, nor hole punching.
func TestJobAtHome(t *testing.T) {
	t.Skip("left out: a customer reaches a worker's endpoints directly only; it takes circuit relay (libp2p circuit v2) through routers")
}
