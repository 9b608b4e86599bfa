package calls

import (
	"context"
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/edgematrix/emc/pkg/transfer"
)

// Router is a router that calls may come through.
type Router struct {
	Address string // on the chain; empty where it was given by hand
	Peer    peer.AddrInfo
}

// ParseRouter reads a multiaddress that ends in /p2p/ and a peer id.
func ParseRouter(s string) (Router, error) {
	info, err := peer.AddrInfoFromString(s)
	if err != nil {
		return Router{}, fmt.Errorf("router %q is no multiaddress such as /ip4/203.0.113.7/tcp/4700/p2p/16Uiu2…: %w", s, err)
	}
	return Router{Peer: *info}, nil
}

// NewRouter is a router as the chain has it: its key is its libp2p identity.
func NewRouter(address string, pubkey []byte, endpoints []string) (Router, error) {
	key, err := transfer.PubKeyFromBytes(pubkey)
	if err != nil {
		return Router{}, err
	}
	id, err := transfer.PeerID(key)
	if err != nil {
		return Router{}, err
	}
	out := Router{Address: address, Peer: peer.AddrInfo{ID: id}}
	for _, e := range endpoints {
		a, err := ma.NewMultiaddr(e)
		if err != nil {
			continue // the chain took it; another of its endpoints may do
		}
		out.Peer.Addrs = append(out.Peer.Addrs, a)
	}
	return out, nil
}

// How often routers are looked for, and dialled when the connection is gone.
const (
	findEvery = 15 * time.Second
	dialEvery = time.Second
	dialWait  = 10 * time.Second
	slowest   = 30 * time.Second
)

// protected keeps routers' connections when there are too many.
const protected = "router"

// dial keeps a connection to every router: the node dials out, so that it serves
// from behind a NAT, too.
func (c *Calls) dial(ctx context.Context) error {
	var found time.Time
	next, wait := map[peer.ID]time.Time{}, map[peer.ID]time.Duration{}
	tick := time.NewTicker(dialEvery)
	defer tick.Stop()
	for {
		if time.Since(found) >= findEvery {
			found = time.Now()
			c.find(ctx)
		}
		for _, r := range c.known() {
			if c.cfg.Host.Network().Connectedness(r.Peer.ID) == network.Connected {
				delete(wait, r.Peer.ID)
				c.anew(r)
				continue
			}
			if time.Now().Before(next[r.Peer.ID]) {
				continue
			}
			err := c.connect(ctx, r)
			if err == nil {
				c.log.Info("connected to a router", "router", r.Address, "peer", r.Peer.ID)
				continue
			}
			if ctx.Err() != nil {
				return nil
			}
			wait[r.Peer.ID] = min(max(2*wait[r.Peer.ID], dialEvery), slowest)
			next[r.Peer.ID] = time.Now().Add(wait[r.Peer.ID])
			c.log.Debug("a router is not reached", "router", r.Address, "peer", r.Peer.ID, "again_in", wait[r.Peer.ID], "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (c *Calls) connect(ctx context.Context, r Router) error {
	ctx, cancel := context.WithTimeout(ctx, dialWait)
	defer cancel()
	c.cfg.Host.ConnManager().Protect(r.Peer.ID, protected)
	return transfer.Connect(ctx, c.cfg.Host, r.Peer)
}

// find asks which routers there are; while that fails, those that were known are kept.
func (c *Calls) find(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, dialWait)
	defer cancel()
	routers, err := c.cfg.Routers(ctx)
	if err != nil {
		if ctx.Err() == nil {
			c.log.Warn("the chain does not tell which routers there are", "error", err)
		}
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.routers = routers
}

func (c *Calls) known() []Router {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.routers
}

// connected are the routers that there is a connection to.
func (c *Calls) connected() []string {
	out := []string{}
	for _, r := range c.known() {
		if c.cfg.Host.Network().Connectedness(r.Peer.ID) == network.Connected {
			name := r.Address
			if name == "" {
				name = r.Peer.ID.String()
			}
			out = append(out, name)
		}
	}
	return out
}
