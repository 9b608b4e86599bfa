package transfer

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/libp2p/go-libp2p/core/protocol"
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	circuit "github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/proto"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/relay"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// directFirst is how long the direct addresses of a peer are tried alone, nearFirst where all of them are private: of the same
// house, or, as a rule, of a worker behind a NAT, and answer nothing.
const directFirst, nearFirst = 2 * time.Second, 500 * time.Millisecond

// ofRelay is how long one relay is tried before the next one.
const ofRelay = 5 * time.Second

// circuits are those that a host relays. Without any, the host's limits are what they are anyway.
type circuits struct{ all, ofPeer int }

// WithCircuits makes room for a relay's circuits: so many in all, and from and to one peer. Each takes two streams.
func WithCircuits(all, ofPeer int) HostOption {
	return func(o *hostOptions) { o.circuits = circuits{all, ofPeer} }
}

// limit bounds a relay's streams beside all others: neither can take the places of the other.
func (c circuits) limit(p *rcmgr.PartialLimitConfig) {
	if c.all == 0 {
		return
	}
	bound := func(n int) rcmgr.ResourceLimits {
		v := rcmgr.LimitVal(n)
		return rcmgr.ResourceLimits{Streams: 2 * v, StreamsInbound: v, StreamsOutbound: v, Memory: memoryMostBytes / 4}
	}
	p.Service = map[string]rcmgr.ResourceLimits{relay.ServiceName: bound(c.all)}
	p.ServicePeer = map[string]rcmgr.ResourceLimits{relay.ServiceName: bound(c.ofPeer + 1)} // and a reservation
	p.Protocol, p.ProtocolPeer = map[protocol.ID]rcmgr.ResourceLimits{}, map[protocol.ID]rcmgr.ResourceLimits{}
	for _, id := range []protocol.ID{circuit.ProtoIDv2Hop, circuit.ProtoIDv2Stop} {
		p.Protocol[id], p.ProtocolPeer[id] = bound(c.all), bound(c.ofPeer+1)
	}
}

// AllowInbound sets how many streams a peer that is connected may have opened to us, in place of WithInbound's.
func AllowInbound(h host.Host, id peer.ID, streams int) error {
	return h.Network().ResourceManager().ViewPeer(id, func(s network.PeerScope) error {
		scope, ok := s.(rcmgr.ResourceScopeLimiter)
		if !ok {
			return errors.New("the host has no limits")
		}
		scope.SetLimit(&rcmgr.BaseLimit{
			Streams: streamsOfPeer, StreamsInbound: streams, StreamsOutbound: streamsOfPeer, Memory: memoryMostBytes,
			Conns: scope.Limit().GetConnTotalLimit(), ConnsInbound: scope.Limit().GetConnLimit(network.DirInbound),
			ConnsOutbound: scope.Limit().GetConnLimit(network.DirOutbound), FD: scope.Limit().GetFDLimit(),
		})
		return nil
	})
}

// AllowCircuit lets a stream go through a relay. libp2p asks for it because its own relays cut circuits after two minutes.
func AllowCircuit(ctx context.Context) context.Context {
	return network.WithAllowLimitedConn(ctx, "emc")
}

// CircuitEndpoints are those of whoever has a reservation with a relay: one by TCP, which goes through most firewalls, and one by
// QUIC, which holes are punched with. There are none when the relay has no address.
func CircuitEndpoints(relay peer.AddrInfo) (out []string) {
	for _, transport := range []int{ma.P_TCP, ma.P_QUIC_V1} {
		for _, a := range relay.Addrs {
			if _, err := a.ValueForProtocol(transport); err == nil {
				out = append(out, fmt.Sprintf("%s/p2p/%s/p2p-circuit", a, relay.ID))
				break
			}
		}
	}
	return out
}

// IsCircuit tells whether an endpoint leads through a relay.
func IsCircuit(endpoint string) bool { return strings.Contains(endpoint, "/p2p-circuit") }

// RelayOf is the relay that an address leads through.
func RelayOf(a ma.Multiaddr) (peer.AddrInfo, bool) {
	before, after := ma.SplitFunc(a, func(c ma.Component) bool { return c.Protocol().Code == ma.P_CIRCUIT })
	if after == nil || before == nil {
		return peer.AddrInfo{}, false
	}
	info, err := peer.AddrInfoFromP2pAddr(before)
	if err != nil {
		return peer.AddrInfo{}, false
	}
	return *info, true
}

// Reach connects to a peer if there is no connection: directly, or else through the relays among its addresses, which are
// told who asks. Only the addresses that are given are dialled: those that a peer names to libp2p itself could be of machines
// in our own network.
func Reach(ctx context.Context, h host.Host, to peer.AddrInfo, i Introduction) error {
	if Reached(h, to.ID) {
		return nil
	}
	direct, through := waysTo(to)
	var problems []error
	if len(direct) > 0 || len(through) == 0 {
		within := ctx
		if len(through) > 0 {
			var cancel context.CancelFunc
			within, cancel = context.WithTimeout(ctx, first(direct))
			defer cancel()
		}
		offer(h, peer.AddrInfo{ID: to.ID, Addrs: direct})
		// Direct dialing skips libp2p's back-off: callers have their own.
		err := h.Connect(network.WithForceDirectDial(within, "emc"), peer.AddrInfo{ID: to.ID})
		if err == nil {
			return nil
		}
		problems = append(problems, err)
	}
	for _, relay := range through {
		if ctx.Err() != nil {
			break
		}
		if err := throughRelay(ctx, h, to.ID, relay, i); err != nil {
			problems = append(problems, err)
			continue
		}
		return nil
	}
	return errors.Join(problems...)
}

// waysTo are a peer's own addresses, and the relays that lead to him, each with all that is known of where it is.
func waysTo(to peer.AddrInfo) (direct []ma.Multiaddr, through []peer.AddrInfo) {
	for _, a := range to.Addrs {
		relay, ok := RelayOf(a)
		if !ok {
			direct = append(direct, a)
			continue
		}
		if i := slices.IndexFunc(through, func(r peer.AddrInfo) bool { return r.ID == relay.ID }); i >= 0 {
			through[i].Addrs = append(through[i].Addrs, relay.Addrs...)
		} else {
			through = append(through, relay)
		}
	}
	return direct, through
}

func first(direct []ma.Multiaddr) time.Duration {
	if slices.ContainsFunc(direct, func(a ma.Multiaddr) bool { return !manet.IsPrivateAddr(a) && !manet.IsIPLoopback(a) }) {
		return directFirst
	}
	return nearFirst
}

// Reached tells whether there is a connection to a peer, direct or through a relay.
func Reached(h host.Host, id peer.ID) bool {
	c := h.Network().Connectedness(id)
	return c == network.Connected || c == network.Limited
}

func throughRelay(ctx context.Context, h host.Host, to peer.ID, via peer.AddrInfo, i Introduction) error {
	ctx, cancel := context.WithTimeout(ctx, ofRelay)
	defer cancel()
	if err := meet(ctx, h, via, i); err != nil {
		return err
	}
	// With where the relay is: libp2p drops what the peer says of its own private addresses by that.
	at, err := ma.NewMultiaddr(fmt.Sprintf("%s/p2p/%s/p2p-circuit", via.Addrs[0], via.ID))
	if err != nil {
		return err
	}
	offer(h, peer.AddrInfo{ID: to, Addrs: []ma.Multiaddr{at}})
	if s, ok := h.Network().(*swarm.Swarm); ok {
		s.Backoff().Clear(to) // callers have their own
	}
	return h.Connect(AllowCircuit(ctx), peer.AddrInfo{ID: to})
}

// meet connects to a relay, and says who asks.
func meet(ctx context.Context, h host.Host, relay peer.AddrInfo, i Introduction) error {
	if err := Connect(ctx, h, relay); err != nil {
		return fmt.Errorf("the relay cannot be reached: %w", err)
	}
	return Introduce(ctx, h, relay.ID, i)
}

// quicFirst is how long a router is tried by QUIC alone.
const quicFirst = 1500 * time.Millisecond

// Connect connects to a router directly, if there is no such connection: by QUIC where that goes through, and not by what is
// first on a busy machine, because a hole is punched from the port that the router has seen.
func Connect(ctx context.Context, h host.Host, router peer.AddrInfo) error {
	if h.Network().Connectedness(router.ID) == network.Connected {
		return nil
	}
	var quic []ma.Multiaddr
	for _, a := range router.Addrs {
		if _, err := a.ValueForProtocol(ma.P_QUIC_V1); err == nil {
			quic = append(quic, a)
		}
	}
	dial := func(ctx context.Context, addrs []ma.Multiaddr) error {
		offer(h, peer.AddrInfo{ID: router.ID, Addrs: addrs})
		// Direct dialing skips libp2p's back-off: callers have their own.
		return h.Connect(network.WithForceDirectDial(ctx, "emc"), peer.AddrInfo{ID: router.ID})
	}
	if len(quic) > 0 && len(quic) < len(router.Addrs) {
		within, cancel := context.WithTimeout(ctx, quicFirst)
		defer cancel()
		if dial(within, quic) == nil {
			return nil
		}
	}
	return dial(ctx, router.Addrs)
}

// offer makes these the addresses of a peer, and no others.
func offer(h host.Host, p peer.AddrInfo) {
	h.Peerstore().ClearAddrs(p.ID)
	h.Peerstore().AddAddrs(p.ID, p.Addrs, peerstore.TempAddrTTL)
}

// Open tells whether one of the endpoints is an IPv4 address of the internet. Those of IPv6 are, but homes' routers let nobody
// in by them.
func Open(endpoints []string) bool {
	return slices.ContainsFunc(endpoints, func(e string) bool {
		a, err := ma.NewMultiaddr(e)
		if err != nil || IsCircuit(e) {
			return false
		}
		ip, err := manet.ToIP(a)
		if err != nil {
			return false
		}
		addr, ok := netip.AddrFromSlice(ip)
		return ok && addr.Unmap().Is4() && manet.IsPublicAddr(a)
	})
}
