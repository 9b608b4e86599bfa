package jobclient

import (
	"context"
	"slices"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"

	"github.com/edgematrix/emc/pkg/transfer"
)

// line is the host by which a job's worker is spoken to. It is kept from the inputs to the outputs where the worker is behind a
// NAT: a hole that was punched is used again, and the worker would not punch a second one for the same key.
type line struct {
	host host.Host
	// talks use the host now, holders go with the job, and will.
	talks, holders int
}

// hold keeps a job's line until release is called.
func (c *Client) hold(rec *Record) (release func()) {
	return c.use(rec, func(l *line) *int { return &l.holders })
}

// talk is hold for one who uses the host that is made.
func (c *Client) talk(rec *Record) (release func()) {
	return c.use(rec, func(l *line) *int { return &l.talks })
}

func (c *Client) use(rec *Record, count func(*line) *int) (release func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lines == nil {
		c.lines = map[string]*line{}
	}
	l := c.lines[rec.ID]
	if l == nil {
		l = &line{}
		c.lines[rec.ID] = l
	}
	*count(l)++
	return func() {
		if h := c.unused(rec, l, count); h != nil {
			_ = h.Close()
		}
	}
}

// unused is the host that is to be closed now.
func (c *Client) unused(rec *Record, l *line, count func(*line) *int) (h host.Host) {
	c.mu.Lock()
	defer c.mu.Unlock()
	*count(l)--
	if l.talks == 0 && l.host != nil && (l.holders == 0 || !relayed(l.host)) {
		h, l.host = l.host, nil
	}
	if l.talks+l.holders == 0 {
		delete(c.lines, rec.ID)
	}
	return h
}

// relayed tells whether a host is connected with anybody through a relay. Such a circuit stays beside a direct connection.
func relayed(h host.Host) bool {
	return slices.ContainsFunc(h.Network().Conns(), func(c network.Conn) bool { return c.Stat().Limited })
}

// hostOf is the host of a line, for one who talks.
func (c *Client) hostOf(ctx context.Context, rec *Record) (host.Host, error) {
	key, err := rec.key()
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.lines[rec.ID]
	if l.host == nil {
		l.host, err = transfer.NewHost(ctx, key, nil, transfer.WithPunching())
	}
	return l.host, err
}
