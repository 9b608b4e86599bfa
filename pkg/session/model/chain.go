// Package model is the chain as sessions see it: the settlement rules of x/market in a page, behind session.Chain, for
// tests. Shares are left out: what is paid is what the session or the cover gave.
package model

import (
	"context"
	"sync"
	"time"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
)

// Status of a session.
type Status int

// The states of a session, in their order.
const (
	Open Status = iota
	Closing
	Last
	Settled
)

// Session is a session's state.
type Session struct {
	Status             Status
	Key                receipt.PublicKey
	KeyID              uint32
	Old                map[uint32]receipt.PublicKey
	Deposit            uint64
	Routers            []session.Router
	Redeemed           map[receipt.Address]uint64 // by router; the zero address: without one
	Node               receipt.Address            // the only one that is paid; zero: any
	Expires, Deadline  time.Time
	Refunded, Vouchers uint64
}

// Chain is the model.
type Chain struct {
	ChainID       string
	Closing, Last time.Duration
	Now           func() time.Time

	mu       sync.Mutex
	sessions map[receipt.SessionID]*Session
	covers   map[[2]receipt.Address]uint64
	lanes    map[receipt.Lane]*Lane
	seized   map[receipt.Address]uint64
}

// Lane is what was settled in one lane.
type Lane struct {
	Amount, Count uint64
	Root          receipt.Digest
}

// New returns an empty chain.
func New(chainID string, closing, last time.Duration, now func() time.Time) *Chain {
	return &Chain{
		ChainID: chainID, Closing: closing, Last: last, Now: now, sessions: make(map[receipt.SessionID]*Session),
		covers: make(map[[2]receipt.Address]uint64), lanes: make(map[receipt.Lane]*Lane), seized: make(map[receipt.Address]uint64),
	}
}

// Open opens a session.
func (c *Chain) Open(id receipt.SessionID, key receipt.PublicKey, deposit uint64, life time.Duration, routers ...session.Router) {
	c.mu.Lock()
	defer c.mu.Unlock()
	end := c.Now().Add(life)
	c.sessions[id] = &Session{Key: key, KeyID: 1, Old: make(map[uint32]receipt.PublicKey), Deposit: deposit, Routers: routers,
		Redeemed: make(map[receipt.Address]uint64), Expires: end, Deadline: end}
}

// Bind makes a session one of a single node.
func (c *Chain) Bind(id receipt.SessionID, node receipt.Address) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sessions[id].Node = node
}

// SetCover reserves a router's stake for a node.
func (c *Chain) SetCover(router, node receipt.Address, amount uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.covers[[2]receipt.Address{router, node}] = amount
}

// Rotate replaces a session's key.
func (c *Chain) Rotate(id receipt.SessionID, key receipt.PublicKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.sessions[id]
	s.Old[s.KeyID] = s.Key
	s.Key, s.KeyID = key, s.KeyID+1
}

// Close begins to close a session.
func (c *Chain) Close(id receipt.SessionID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.at(id); s.Status == Open {
		s.Status, s.Deadline = Closing, c.Now().Add(c.Closing)
	}
}

// at is a session as of now. It is called with the lock held.
func (c *Chain) at(id receipt.SessionID) *Session {
	s := c.sessions[id]
	for s != nil && s.Status != Settled && !c.Now().Before(s.Deadline) {
		switch s.Status {
		case Open:
			s.Status, s.Deadline = Closing, s.Deadline.Add(c.Closing)
		case Closing:
			s.Status, s.Deadline = Last, s.Deadline.Add(c.Last)
		default:
			s.Status, s.Refunded = Settled, s.left()
		}
	}
	return s
}

func (s *Session) left() uint64 {
	left := s.Deposit
	for _, paid := range s.Redeemed {
		left -= paid
	}
	return left
}

// available is what the session can pay for a router's vouchers, or for those without one.
func (s *Session) available(router receipt.Address) uint64 {
	if router.IsZero() && s.Status == Last {
		return s.left()
	}
	free := s.Deposit
	for _, r := range s.Routers {
		if r.Key.Address() == router {
			return r.Allotment - s.Redeemed[router]
		}
		free -= r.Allotment
	}
	if !router.IsZero() {
		return 0
	}
	return free - s.Redeemed[router]
}

// Session implements session.Chain.
func (c *Chain) Session(_ context.Context, id receipt.SessionID) (session.Info, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.at(id)
	if s == nil {
		return session.Info{}, session.ErrSession
	}
	return session.Info{
		ID: id, Open: s.Status == Open, Pays: s.Status != Settled, Key: s.Key, KeyID: s.KeyID, ExpiresAt: s.Expires,
		Routers: append([]session.Router(nil), s.Routers...), Free: s.available(receipt.Address{}), Node: s.Node,
	}, nil
}

// Cover implements session.Chain.
func (c *Chain) Cover(_ context.Context, router, node receipt.Address) (uint64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.covers[[2]receipt.Address{router, node}], nil
}
