package probe

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/edgematrix/emc/pkg/transfer"
)

// Target is a node or router, and where it says that it is.
type Target struct {
	Node      transfer.PubKey
	Endpoints []string
}

// Client probes from a host. The host's key must have been drawn for this, and the
// host must not be used for anything else.
type Client struct {
	Host    host.Host
	ChainID string
	// Timeout bounds one probe, connection and all.
	Timeout time.Duration
	// Private allows addresses that are not of the internet: on a network that is all
	// on one machine, or in one house. Otherwise a node could send validators to the
	// machines behind their own firewalls.
	Private bool
	// More names further addresses to try: those of a node behind a NAT, by way of a
	// router that it is connected to (…/p2p/ROUTER/p2p-circuit). Nil knows none.
	More func(Target) []string
}

// Probe asks a node once. Nil means that it answered, and as itself.
func (c *Client) Probe(ctx context.Context, t Target) error {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	node, err := transfer.PeerID(t.Node)
	if err != nil {
		return err
	}
	addrs, err := c.addresses(node, t)
	if err != nil {
		return err
	}
	// A connection from before would tell where the node was, and not where it is.
	if err := c.Host.Network().ClosePeer(node); err != nil {
		return err
	}
	defer c.Host.Network().ClosePeer(node) //nolint:errcheck // it is of no more use either way
	c.Host.Peerstore().ClearAddrs(node)
	c.Host.Peerstore().AddAddrs(node, addrs, peerstore.TempAddrTTL)
	defer c.Host.Peerstore().ClearAddrs(node)
	dial := ctx
	if !relayed(addrs) {
		dial = network.WithForceDirectDial(ctx, "emc") // which skips libp2p's back-off, too
	}
	if err := c.Host.Connect(dial, peer.AddrInfo{ID: node}); err != nil {
		return fmt.Errorf("no connection: %w", err)
	}
	st, err := c.Host.NewStream(ctx, node, Protocol)
	if err != nil {
		return fmt.Errorf("no probes are answered there: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = st.Reset() })
	defer stop()
	if err := c.ask(st, t.Node); err != nil {
		_ = st.Reset()
		return errors.Join(err, ctx.Err())
	}
	_ = st.Close()
	return nil
}

func (c *Client) ask(st network.Stream, node transfer.PubKey) error {
	own, err := transfer.PubKey33(c.Host.ID())
	if err != nil {
		return err
	}
	var challenge Challenge
	if _, err := rand.Read(challenge[:]); err != nil {
		return err
	}
	if _, err := st.Write(challenge[:]); err != nil {
		return fmt.Errorf("the challenge: %w", err)
	}
	if err := st.CloseWrite(); err != nil {
		return fmt.Errorf("the challenge: %w", err)
	}
	// One byte more than an answer has: a longer one is none.
	answer, err := io.ReadAll(io.LimitReader(st, signatureBytes+1))
	if err != nil {
		return fmt.Errorf("no answer: %w", err)
	}
	return Verify(c.ChainID, challenge, own, node, answer)
}

// relayed reports whether any address leads through a relay.
func relayed(addrs []ma.Multiaddr) bool {
	return slices.ContainsFunc(addrs, func(a ma.Multiaddr) bool {
		_, err := a.ValueForProtocol(ma.P_CIRCUIT)
		return err == nil
	})
}

// addresses are those of the node's endpoints that may be dialed.
func (c *Client) addresses(node peer.ID, t Target) ([]ma.Multiaddr, error) {
	list := t.Endpoints
	if c.More != nil {
		list = append(append([]string(nil), list...), c.More(t)...)
	}
	var out []ma.Multiaddr
	for _, s := range list {
		addr, err := ma.NewMultiaddr(s)
		if err != nil {
			continue
		}
		if !relayed([]ma.Multiaddr{addr}) {
			if transport, other := peer.SplitAddr(addr); other == "" || other == node {
				addr = transport
			} else {
				continue // of somebody else
			}
		}
		if addr != nil && (c.Private || manet.IsPublicAddr(addr)) {
			out = append(out, addr)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("none of its %d endpoints can be dialed from here", len(list))
	}
	return out, nil
}
