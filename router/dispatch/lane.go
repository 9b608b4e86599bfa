package dispatch

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
	"github.com/edgematrix/emc/pkg/session/call"
	"github.com/edgematrix/emc/pkg/transfer"
	"github.com/edgematrix/emc/router/custody"
	"github.com/edgematrix/emc/router/registry"
)

const (
	// shared is among how many streams a lane's credit is thought to be divided; docs/sessions.md says why.
	shared    = 16
	mostIdle  = 64 // streams of a lane
	frameWait = 2 * time.Minute
	drain     = 10 * time.Second
	settleAge = 10 * time.Second // a lane that rested so long pays what it owes
)

// lane is one session's way to one node, with streams that rest.
type lane struct {
	*session.Lane
	node receipt.Address
	idle []resting
	used time.Time
	busy bool // being settled
}

type resting struct {
	client *call.Client
	since  time.Time
}

// lanes are all of them.
type lanes struct {
	mu   sync.Mutex
	open map[receipt.Lane]*lane
}

// lane opens a session's way to a node.
func (d *Dispatch) lane(s *custody.Session, n registry.Node) (*lane, error) {
	id := receipt.Lane{Session: s.Info.ID, Router: d.cfg.Router, Node: n.Key.Address()}
	d.lanes.mu.Lock()
	l := d.lanes.open[id]
	d.lanes.mu.Unlock()
	if l != nil {
		return l, nil
	}
	way, err := s.Lane(d.cfg.Router, n.Key.Precompute(), d.cfg.Cosigner)
	if err != nil {
		return nil, err
	}
	d.lanes.mu.Lock()
	defer d.lanes.mu.Unlock()
	if l := d.lanes.open[id]; l != nil {
		return l, nil
	}
	l = &lane{Lane: way, node: id.Node}
	d.lanes.open[id] = l
	return l, nil
}

// client is a stream that nobody uses: one that rests, or a new one.
func (d *Dispatch) client(ctx context.Context, l *lane, n registry.Node) (c *call.Client, rested bool, err error) {
	d.lanes.mu.Lock()
	l.used = time.Now()
	if i := len(l.idle) - 1; i >= 0 {
		c, l.idle = l.idle[i].client, l.idle[:i]
	}
	d.lanes.mu.Unlock()
	if c != nil {
		return c, true, nil
	}
	c, err = d.dial(ctx, l, n)
	return c, false, err
}

func (d *Dispatch) dial(ctx context.Context, l *lane, n registry.Node) (*call.Client, error) {
	pub, err := transfer.PubKeyFromBytes(n.Key.Bytes())
	if err != nil {
		return nil, err
	}
	id, err := transfer.PeerID(pub)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, d.cfg.Dial)
	defer cancel()
	// Nodes dial their routers: without a connection there is none to be had.
	stream, err := d.cfg.Host.NewStream(network.WithNoDial(ctx, "nodes dial their routers"), id, call.Protocol)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", call.ErrStream, err)
	}
	slice := max(d.credit(l.node)/(shared+2), 1)
	return call.NewClient(call.ClientConfig{Lane: l.Lane, Slice: slice, Ahead: slice, Wait: frameWait, Write: frameWait, Drain: drain}, stream)
}

// rest keeps a stream for the next call.
func (d *Dispatch) rest(l *lane, c *call.Client) {
	d.lanes.mu.Lock()
	defer d.lanes.mu.Unlock()
	l.used = time.Now()
	if len(l.idle) >= mostIdle {
		_ = c.Close()
		return
	}
	l.idle = append(l.idle, resting{c, l.used})
}

// settle closes streams that rested for long, and pays what lanes owe that rest.
func (d *Dispatch) settle(ctx context.Context) {
	var pay []*lane
	d.lanes.mu.Lock()
	for _, l := range d.lanes.open {
		rests := time.Since(l.used) > settleAge
		for len(l.idle) > 1 && time.Since(l.idle[0].since) > d.cfg.Idle {
			_ = l.idle[0].client.Close()
			l.idle = l.idle[1:]
		}
		if rests && !l.busy && len(l.idle) > 0 && l.Standing().Owed() > 0 {
			l.busy = true
			pay = append(pay, l)
		}
	}
	d.lanes.mu.Unlock()
	for _, l := range pay {
		d.paying.Go(func() { d.pay(ctx, l) })
	}
}

func (d *Dispatch) pay(ctx context.Context, l *lane) {
	ctx, cancel := context.WithTimeout(ctx, frameWait)
	defer cancel()
	d.lanes.mu.Lock()
	var c *call.Client
	if i := len(l.idle) - 1; i >= 0 {
		c, l.idle = l.idle[i].client, l.idle[:i]
	}
	d.lanes.mu.Unlock()
	if c != nil {
		if err := c.Settle(ctx); err != nil {
			d.cfg.Logger.Info("a lane could not be settled; its next call pays", "node", l.node, "error", err)
			_ = c.Close()
		} else {
			d.rest(l, c)
		}
	}
	d.lanes.mu.Lock()
	l.busy = false
	d.lanes.mu.Unlock()
}

func (l *lanes) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, each := range l.open {
		for _, r := range each.idle {
			_ = r.client.Close()
		}
		each.idle = nil
	}
}
