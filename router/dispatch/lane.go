package dispatch

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
	"github.com/edgematrix/emc/pkg/session/call"
	"github.com/edgematrix/emc/pkg/transfer"
	"github.com/edgematrix/emc/router/custody"
	"github.com/edgematrix/emc/router/registry"
)

const (
	// shared is among how many streams a lane's credit is thought to be divided; docs/sessions.md says why.
	shared = 16
	// Streams that rest: of a lane, and of all lanes to a node, which takes some hundreds of one router and no more
	// (pkg/transfer). A new one costs more than all else that a short call does in the router.
	mostIdle, mostOfNode = 64, 128

	frameWait = 2 * time.Minute
)

// lane is one session's way to one node, with streams that rest. What is not of
// session.Lane is guarded by lanes.mu.
type lane struct {
	*session.Lane
	key   receipt.PublicKey
	users int // calls that have it
	idle  []resting
	used  time.Time

	paying bool
	failed int       // payments in a row
	again  time.Time // not before
}

func (l *lane) node() receipt.Address { return l.ID().Node }

// stream is one to a node.
type stream struct {
	*call.Client
	via receipt.Address // the router through which it goes; zero: none
}

type resting struct {
	client *stream
	since  time.Time
}

// lanes are all of them.
type lanes struct {
	mu      sync.Mutex
	open    map[receipt.Lane]*lane
	resting map[receipt.Address]int // node → its streams that rest
	paying  int
	closed  bool
}

// lane opens a session's way to a node through a router. Whoever gets it leaves it.
func (d *Dispatch) lane(s *custody.Session, r Router, n registry.Node) (*lane, error) {
	key := d.key(n)
	way, err := s.Lane(r.Address, key, r.Cosigner)
	if err != nil {
		return nil, err
	}
	d.lanes.mu.Lock()
	defer d.lanes.mu.Unlock()
	l := d.lanes.open[way.ID()]
	if l == nil {
		l = &lane{Lane: way, key: key}
		d.lanes.open[way.ID()] = l
	}
	l.users++
	l.used = time.Now()
	return l, nil
}

func (d *Dispatch) leave(l *lane) {
	d.lanes.mu.Lock()
	defer d.lanes.mu.Unlock()
	l.users--
	l.used = time.Now()
	l.failed, l.again = 0, time.Time{} // what it owes is another sum now
}

// client is a stream that nobody uses: one that rests, or a new one.
func (d *Dispatch) client(ctx context.Context, l *lane) (c *stream, rested bool, err error) {
	var via receipt.Address
	if d.cfg.Paths != nil {
		via = d.cfg.Paths.Via(l.node())
	}
	d.lanes.mu.Lock()
	old := d.lanes.older(l, time.Now().Add(-d.cfg.Idle))
	old = append(old, d.lanes.elsewhere(l, via)...)
	if i := len(l.idle) - 1; i >= 0 {
		c, l.idle = l.idle[i].client, l.idle[:i]
		d.lanes.fewer(l, 1)
	}
	d.lanes.mu.Unlock()
	shut(old)
	if c != nil {
		return c, true, nil
	}
	c, err = d.dial(ctx, l)
	return c, false, err
}

// older takes out the streams that rested since before a moment. It is called with the lock held.
func (l *lanes) older(of *lane, than time.Time) (old []resting) {
	n := 0
	for n < len(of.idle) && of.idle[n].since.Before(than) {
		n++
	}
	old, of.idle = of.idle[:n], of.idle[n:]
	l.fewer(of, n)
	return old
}

// elsewhere takes out the streams that rest on another way than the present one. It is called with the lock held.
func (l *lanes) elsewhere(of *lane, via receipt.Address) (old []resting) {
	var stay []resting
	for _, r := range of.idle {
		if r.client.via == via {
			stay = append(stay, r)
		} else {
			old = append(old, r)
		}
	}
	if len(old) > 0 {
		of.idle = stay
		l.fewer(of, len(old))
	}
	return old
}

func (l *lanes) fewer(of *lane, n int) {
	if l.resting[of.node()] -= n; l.resting[of.node()] <= 0 {
		delete(l.resting, of.node())
	}
}

func shut(streams []resting) {
	for _, s := range streams {
		_ = s.client.Close()
	}
}

func (d *Dispatch) dial(ctx context.Context, l *lane) (*stream, error) {
	pub, err := transfer.PubKeyFromBytes(l.key.Bytes())
	if err != nil {
		return nil, err
	}
	id, err := transfer.PeerID(pub)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, d.cfg.Dial)
	defer cancel()
	if d.cfg.Reach != nil && !transfer.Reached(d.cfg.Host, id) {
		n, ok := d.cfg.Nodes.Node(l.node())
		if !ok {
			return nil, fmt.Errorf("%w: the node has left the chain", call.ErrStream)
		}
		if err := d.cfg.Reach(ctx, n); err != nil && d.cfg.Paths == nil {
			return nil, fmt.Errorf("%w: %w", call.ErrStream, err)
		}
	}
	raw, via, err := d.open(ctx, l.node(), id)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", call.ErrStream, err)
	}
	slice := max(d.credit(l.node())/(shared+2), 1)
	c, err := call.NewClient(call.ClientConfig{Lane: l.Lane, Slice: slice, Ahead: slice, Wait: frameWait, Write: frameWait, Drain: d.cfg.Drain, Unsigned: d.cfg.Unsigned}, raw)
	return &stream{c, via}, err
}

// open opens a stream to a node. Nodes dial their routers: without a connection there is none to be had, unless another
// router relays.
func (d *Dispatch) open(ctx context.Context, node receipt.Address, id peer.ID) (io.ReadWriteCloser, receipt.Address, error) {
	if d.cfg.Paths != nil {
		return d.cfg.Paths.Open(ctx, node, id)
	}
	st, err := d.cfg.Host.NewStream(transfer.AllowCircuit(network.WithNoDial(ctx, "nodes dial their routers")), id, call.Protocol)
	return st, receipt.Address{}, err
}

// rest keeps a stream for the next call.
func (d *Dispatch) rest(l *lane, c *stream) {
	d.lanes.mu.Lock()
	keep := !d.lanes.closed && len(l.idle) < mostIdle && d.lanes.resting[l.node()] < mostOfNode
	if keep {
		l.idle = append(l.idle, resting{c, time.Now()})
		d.lanes.resting[l.node()]++
	}
	d.lanes.mu.Unlock()
	if !keep {
		_ = c.Close()
	}
}

// broke closes the streams of a lane that rest: they are of the connection of one that broke.
func (d *Dispatch) broke(l *lane) {
	d.lanes.mu.Lock()
	old := d.lanes.older(l, time.Now().Add(time.Hour))
	d.lanes.mu.Unlock()
	shut(old)
}

// Forget drops the lanes of a session that is settled.
func (d *Dispatch) Forget(id receipt.SessionID) {
	var old []resting
	d.lanes.mu.Lock()
	for key, l := range d.lanes.open {
		if key.Session == id {
			old = append(old, d.lanes.older(l, time.Now().Add(time.Hour))...)
			delete(d.lanes.open, key)
		}
	}
	d.lanes.mu.Unlock()
	shut(old)
}

func (l *lanes) close() {
	var old []resting
	l.mu.Lock()
	l.closed = true
	for _, each := range l.open {
		old = append(old, l.older(each, time.Now().Add(time.Hour))...)
	}
	l.mu.Unlock()
	shut(old)
}
