package transfer

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/connmgr"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"
	basicmgr "github.com/libp2p/go-libp2p/p2p/net/connmgr"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	quic "github.com/libp2p/go-libp2p/p2p/transport/quic"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	"github.com/libp2p/go-libp2p/x/rate"
)

// Bounds on the connections of one host. Above connHigh the connection manager closes idle ones, those of strangers
// first, because a Server protects the peers that it serves.
const (
	connLow         = 192
	connHigh        = 256
	connMost        = 384
	connPerAddress  = 64 // one office or mobile network may hide many customers behind an address
	newConnsPerSec  = 2
	newConnsBurst   = 128
	streamsMost     = 2048
	streamsOfPeer   = 768 // a router calls a node by one for each call that runs
	memoryMostBytes = 256 << 20
)

// HostOption changes what a host lets in.
type HostOption func(*hostOptions)

type hostOptions struct {
	gate     connmgr.ConnectionGater
	inbound  int
	circuits circuits
	punch    bool
}

// WithGate asks a gater about every connection.
func WithGate(g connmgr.ConnectionGater) HostOption { return func(o *hostOptions) { o.gate = g } }

// WithInbound bounds the streams that one peer may have opened to us, of all protocols. A router opens them itself: what a
// peer opens is a few, and more of them would take the places of its calls.
func WithInbound(streams int) HostOption { return func(o *hostOptions) { o.inbound = streams } }

// NewHost makes a libp2p host that speaks TCP with Noise, and QUIC, and both through a relay. It relays for nobody (that is
// what package router/relay does), it does not announce itself, and its connections, streams and memory are bounded. listenAddrs are multiaddresses, such as /ip4/0.0.0.0/tcp/4001 and
// /ip4/0.0.0.0/udp/4001/quic-v1; without any, the host only dials, as a customer's does. The caller closes it.
func NewHost(ctx context.Context, priv crypto.PrivKey, listenAddrs []string, options ...HostOption) (host.Host, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if _, err := pubKeyOf(priv.GetPublic()); err != nil {
		return nil, fmt.Errorf("host key: %w", err)
	}
	o := hostOptions{inbound: streamsOfPeer}
	for _, set := range options {
		set(&o)
	}
	resources, err := newResourceManager(o)
	if err != nil {
		return nil, err
	}
	conns, err := basicmgr.NewConnManager(connLow, connHigh, basicmgr.WithGracePeriod(20*time.Second))
	if err != nil {
		return nil, err
	}
	opts := []libp2p.Option{
		libp2p.Identity(priv),
		libp2p.Security(noise.ID, noise.New),
		libp2p.Transport(tcp.NewTCPTransport),
		libp2p.Transport(quic.NewTransport),
		libp2p.ResourceManager(resources),
		libp2p.ConnectionManager(conns),
		libp2p.UserAgent("emc/1"),
		libp2p.DisableMetrics(),
		libp2p.DisableIdentifyAddressDiscovery(),
	}
	if o.gate != nil {
		opts = append(opts, libp2p.ConnectionGater(o.gate))
	}
	if len(listenAddrs) == 0 {
		opts = append(opts, libp2p.NoListenAddrs)
	} else {
		opts = append(opts, libp2p.ListenAddrStrings(listenAddrs...))
	}
	opts = append(opts, libp2p.EnableRelay()) // to dial and be dialled through one; after NoListenAddrs, which would turn it off
	h, err := libp2p.New(opts...)
	if err != nil {
		return nil, fmt.Errorf("libp2p host on %v: %w", listenAddrs, err)
	}
	if !o.punch {
		return h, nil
	}
	p, err := newPuncher(h)
	if err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return p, nil
}

func newResourceManager(o hostOptions) (network.ResourceManager, error) {
	scaling := rcmgr.DefaultLimits
	libp2p.SetDefaultServiceLimits(&scaling)
	ofPeer := rcmgr.ResourceLimits{Streams: streamsOfPeer, StreamsInbound: rcmgr.LimitVal(o.inbound), StreamsOutbound: streamsOfPeer, Memory: memoryMostBytes}
	streams := rcmgr.LimitVal(streamsMost + 2*o.circuits.all)
	partial := rcmgr.PartialLimitConfig{
		System: rcmgr.ResourceLimits{
			Conns: connMost, ConnsInbound: connMost, Streams: streams, StreamsInbound: streams, StreamsOutbound: streams, Memory: memoryMostBytes,
		},
		PeerDefault: ofPeer, ProtocolPeerDefault: ofPeer,
	}
	o.circuits.limit(&partial)
	limits := partial.Build(scaling.AutoScale())
	loopback4, loopback6 := netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")
	perAddress := rate.Limit{RPS: newConnsPerSec, Burst: newConnsBurst}
	return rcmgr.NewResourceManager(rcmgr.NewFixedLimiter(limits),
		rcmgr.WithMetricsDisabled(),
		rcmgr.WithLimitPerSubnet(
			[]rcmgr.ConnLimitPerSubnet{{PrefixLength: 32, ConnCount: connPerAddress}},
			[]rcmgr.ConnLimitPerSubnet{{PrefixLength: 56, ConnCount: connPerAddress}},
		),
		rcmgr.WithConnRateLimiters(&rate.Limiter{
			NetworkPrefixLimits: []rate.PrefixLimit{{Prefix: loopback4}, {Prefix: loopback6}},
			SubnetRateLimiter: rate.SubnetLimiter{
				IPv4SubnetLimits: []rate.SubnetLimit{{PrefixLength: 32, Limit: perAddress}},
				IPv6SubnetLimits: []rate.SubnetLimit{{PrefixLength: 56, Limit: perAddress}},
				GracePeriod:      time.Minute,
			},
		}))
}

// Endpoints returns the host's own addresses as strings that a customer can dial, without its peer id.
func Endpoints(h host.Host) []string {
	var out []string
	for _, a := range h.Addrs() {
		out = append(out, a.String())
	}
	return out
}
