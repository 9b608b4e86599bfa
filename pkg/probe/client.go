package probe

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
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
	// Through is another host, for nodes that nobody reaches but through a router, which is told the Introduction. It is not
	// Host, because who probes a router closes his connection with it. Nil reaches none of them.
	Through      host.Host
	Introduction transfer.Introduction
}

// Probe asks a node once. Nil means that it answered, and as itself: directly, or else through a router that it names.
func (c *Client) Probe(ctx context.Context, t Target) error {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	node, err := transfer.PeerID(t.Node)
	if err != nil {
		return err
	}
	direct, through, err := c.addresses(node, t)
	if err != nil {
		return err
	}
	var problems []error
	if len(direct) > 0 {
		within := ctx
		if len(through) > 0 {
			var cancel context.CancelFunc
			within, cancel = context.WithTimeout(ctx, c.Timeout/2)
			defer cancel()
		}
		err := c.at(within, c.Host, peer.AddrInfo{ID: node, Addrs: direct}, t.Node)
		if err == nil {
			return nil
		}
		problems = append(problems, err)
	}
	if len(through) > 0 {
		err := c.at(ctx, c.Through, peer.AddrInfo{ID: node, Addrs: through}, t.Node)
		if err == nil {
			return nil
		}
		problems = append(problems, fmt.Errorf("through its routers: %w", err))
	}
	return errors.Join(problems...)
}

// at asks a node at some of its addresses.
func (c *Client) at(ctx context.Context, h host.Host, node peer.AddrInfo, key transfer.PubKey) error {
	// A connection from before would tell where the node was, and not where it is.
	if err := h.Network().ClosePeer(node.ID); err != nil {
		return err
	}
	defer h.Network().ClosePeer(node.ID) //nolint:errcheck // it is of no more use either way
	defer h.Peerstore().ClearAddrs(node.ID)
	if err := transfer.Reach(ctx, h, node, c.Introduction); err != nil {
		return fmt.Errorf("no connection: %w", err)
	}
	st, err := h.NewStream(transfer.AllowCircuit(ctx), node.ID, Protocol)
	if err != nil {
		return fmt.Errorf("no probes are answered there: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = st.Reset() })
	defer stop()
	if err := c.ask(h, st, key); err != nil {
		_ = st.Reset()
		return errors.Join(err, ctx.Err())
	}
	_ = st.Close()
	return nil
}

func (c *Client) ask(h host.Host, st network.Stream, node transfer.PubKey) error {
	own, err := transfer.PubKey33(h.ID())
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

// addresses are those of the node's endpoints that may be dialed: its own, and those through routers.
func (c *Client) addresses(node peer.ID, t Target) (direct, through []ma.Multiaddr, err error) {
	for _, s := range t.Endpoints {
		addr, err := ma.NewMultiaddr(s)
		if err != nil || !c.Private && !manet.IsPublicAddr(addr) {
			continue
		}
		if _, ok := transfer.RelayOf(addr); ok {
			if c.Through != nil {
				through = append(through, addr)
			}
		} else if transport, other := peer.SplitAddr(addr); transport != nil && (other == "" || other == node) { // else of somebody else
			direct = append(direct, transport)
		}
	}
	if len(direct)+len(through) == 0 {
		return nil, nil, fmt.Errorf("none of its %d endpoints can be dialed from here", len(t.Endpoints))
	}
	return direct, through, nil
}
