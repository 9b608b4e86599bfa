package transfer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/protocol/holepunch"
	"github.com/libp2p/go-libp2p/p2p/protocol/identify"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

const (
	// punchWait is how long both ends knock before they try again, three times in all.
	punchWait = 5 * time.Second
	// mostSeen bounds the addresses that are told to a peer, and those of a peer that are knocked at.
	mostSeen = 3
)

// WithPunching has a host that is connected with a peer through a relay try to connect with it directly, though both are behind
// NATs: libp2p's DCUtR, by QUIC. Each end tells the other, through the circuit, as whom relays see it, and both send
// there at once. It succeeds where both NATs give the same port to all that is sent from one; else the circuit goes on.
func WithPunching() HostOption { return func(o *hostOptions) { o.punch = true } }

// puncher is a host that punches holes until it is closed.
type puncher struct {
	host.Host
	ids     identify.IDService
	seen    *seen
	service *holepunch.Service // nil until somebody has seen the host; of the reading goroutine until that ends
	events  event.Subscription
	notify  *network.NotifyBundle
	reading sync.WaitGroup
}

func newPuncher(h host.Host) (*puncher, error) {
	own, ok := h.(interface{ IDService() identify.IDService })
	if !ok {
		return nil, errors.New("the host identifies nobody")
	}
	events, err := h.EventBus().Subscribe(new(event.EvtPeerIdentificationCompleted))
	if err != nil {
		return nil, fmt.Errorf("what relays see: %w", err)
	}
	p := &puncher{Host: h, ids: own.IDService(), events: events, seen: &seen{by: map[peer.ID]ma.Multiaddr{}}}
	p.notify = &network.NotifyBundle{DisconnectedF: func(_ network.Network, c network.Conn) { p.seen.left(c) }}
	h.Network().Notify(p.notify)
	p.reading.Go(p.read)
	return p, nil
}

// read begins to punch with the first address that is seen. The service itself would look for one after seconds, and the peer,
// who begins as soon as there is a circuit, would not find it.
func (p *puncher) read() {
	for e := range p.events.Out() {
		e, ok := e.(event.EvtPeerIdentificationCompleted)
		if !ok || !p.seen.note(e) || p.service != nil {
			continue
		}
		service, err := holepunch.NewService(p.Host, p.ids, p.seen.addresses, holepunch.WithAddrFilter(p.seen), holepunch.DirectDialTimeout(punchWait))
		if err == nil { // else the circuits go on
			p.service = service
		}
	}
}

// Close implements host.Host.
func (p *puncher) Close() error {
	p.Network().StopNotify(p.notify)
	err := p.events.Close()
	p.reading.Wait()
	if p.service != nil {
		err = errors.Join(err, p.service.Close())
	}
	return errors.Join(err, p.Host.Close())
}

// seen is as whom those see the host that it has dialled by QUIC: behind a NAT that is an address of the NAT's.
type seen struct {
	mu sync.Mutex
	by map[peer.ID]ma.Multiaddr
}

// note tells whether it has taken an address.
func (s *seen) note(e event.EvtPeerIdentificationCompleted) bool {
	if e.Conn.Stat().Direction != network.DirOutbound || e.Conn.Stat().Limited || !knockable(e.Conn.RemoteMultiaddr()) || !knockable(e.ObservedAddr) {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.by[e.Peer] = e.ObservedAddr
	return true
}

func (s *seen) left(c network.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.by, c.RemotePeer())
}

// addresses are where the host may be knocked at. Where two see different ports of one NAT, no third would find the right one.
func (s *seen) addresses() []ma.Multiaddr {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := slices.SortedFunc(maps.Values(s.by), ma.Multiaddr.Compare)
	out = slices.CompactFunc(out, ma.Multiaddr.Equal)
	for i := 1; i < len(out); i++ {
		one, err := manet.ToIP(out[i-1])
		other, wrong := manet.ToIP(out[i])
		if err == nil && wrong == nil && one.Equal(other) {
			return nil
		}
	}
	return out[:min(len(out), mostSeen)]
}

// FilterLocal implements holepunch.AddrFilter.
func (*seen) FilterLocal(_ peer.ID, own []ma.Multiaddr) []ma.Multiaddr { return own }

// FilterRemote implements holepunch.AddrFilter: a peer may name anything, also machines in our own network.
func (*seen) FilterRemote(_ peer.ID, told []ma.Multiaddr) []ma.Multiaddr {
	told = slices.DeleteFunc(told, func(a ma.Multiaddr) bool { return !knockable(a) })
	return told[:min(len(told), mostSeen)]
}

// knockable tells whether an address is of the internet and spoken to by QUIC, and directly.
func knockable(a ma.Multiaddr) bool {
	if a == nil || !manet.IsPublicAddr(a) {
		return false
	}
	for _, c := range a {
		switch c.Protocol().Code {
		case ma.P_IP4, ma.P_IP6, ma.P_UDP, ma.P_QUIC_V1:
		default:
			return false
		}
	}
	_, err := a.ValueForProtocol(ma.P_QUIC_V1)
	return err == nil
}

// errMoved ends what goes through a relay when there is a direct connection: the next attempt takes that.
var errMoved = errors.New("there is a direct connection now")

// moves ends a stream through a relay as soon as there is a direct connection with its peer. The function that it returns
// tells whether it has, and ends the watch.
func moves(ctx context.Context, h host.Host, st network.Stream) (moved func() bool) {
	if !st.Conn().Stat().Limited {
		return func() bool { return false }
	}
	id := st.Conn().RemotePeer()
	end := sync.OnceFunc(func() { _ = st.Reset() })
	direct := make(chan struct{})
	tell := sync.OnceFunc(func() { close(direct) })
	notify := &network.NotifyBundle{ConnectedF: func(_ network.Network, c network.Conn) {
		if c.RemotePeer() == id && !c.Stat().Limited {
			tell()
		}
	}}
	h.Network().Notify(notify)
	if h.Network().Connectedness(id) == network.Connected {
		tell()
	}
	over, stop := context.WithCancel(ctx)
	went := make(chan bool, 1)
	go func() {
		select {
		case <-direct:
			end()
			went <- true
		case <-over.Done():
			went <- false
		}
	}()
	return func() bool {
		h.Network().StopNotify(notify)
		stop()
		return <-went
	}
}
