package transfer

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/core/transport"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	"github.com/libp2p/go-libp2p/p2p/protocol/ping"
	ma "github.com/multiformats/go-multiaddr"
	mss "github.com/multiformats/go-multistream"
)

// Circuit is a connection through a relay that stands beside a host's other connections with the same peer: libp2p itself
// always takes the direct one, however slow it is.
type Circuit struct {
	conn transport.CapableConn
	done chan struct{}
}

// OpenCircuit connects to a peer through a relay. The relay is told who asks.
func OpenCircuit(ctx context.Context, h host.Host, relay peer.AddrInfo, to peer.ID, i Introduction) (*Circuit, error) {
	s, ok := h.Network().(*swarm.Swarm)
	if !ok {
		return nil, errors.New("the host has no transports")
	}
	if err := meet(ctx, h, relay, i); err != nil {
		return nil, err
	}
	addr, err := ma.NewMultiaddr(fmt.Sprintf("/p2p/%s/p2p-circuit", relay.ID))
	if err != nil {
		return nil, err
	}
	t := s.TransportForDialing(addr)
	if t == nil {
		return nil, errors.New("the host dials no circuits")
	}
	conn, err := t.Dial(ctx, addr, to)
	if err != nil {
		return nil, fmt.Errorf("no circuit to %s through %s: %w", to, relay.ID, err)
	}
	c := &Circuit{conn: conn, done: make(chan struct{})}
	go c.refuse()
	return c, nil
}

// refuse turns away what the peer opens, until the circuit ends: this end only calls.
func (c *Circuit) refuse() {
	defer close(c.done)
	for {
		st, err := c.conn.AcceptStream()
		if err != nil {
			return
		}
		_ = st.Reset()
	}
}

// Close ends the circuit, and waits until it has ended.
func (c *Circuit) Close() error {
	err := c.conn.Close()
	<-c.done
	return err
}

// IsClosed tells whether the circuit has ended.
func (c *Circuit) IsClosed() bool { return c.conn.IsClosed() }

// NewStream opens a stream of a protocol.
func (c *Circuit) NewStream(ctx context.Context, id protocol.ID) (network.MuxedStream, error) {
	st, err := c.conn.OpenStream(ctx)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = st.Reset() })
	err = mss.SelectProtoOrFail(id, io.ReadWriteCloser(st))
	if !stop() || err != nil {
		_ = st.Reset()
		return nil, errors.Join(ctx.Err(), err)
	}
	return st, nil
}

// RTT measures the time to the peer and back.
func (c *Circuit) RTT(ctx context.Context) (time.Duration, error) {
	st, err := c.NewStream(ctx, ping.ID)
	if err != nil {
		return 0, err
	}
	return echo(ctx, st)
}

// RTT measures the time to a peer and back that the host is connected with.
func RTT(ctx context.Context, h host.Host, to peer.ID) (time.Duration, error) {
	st, err := h.NewStream(AllowCircuit(network.WithNoDial(ctx, "measurement")), to, ping.ID)
	if err != nil {
		return 0, err
	}
	return echo(ctx, st)
}

// echo has the peer repeat random bytes. The first time it also agrees on the protocol; only the second counts.
func echo(ctx context.Context, st network.MuxedStream) (time.Duration, error) {
	stop := context.AfterFunc(ctx, func() { _ = st.Reset() })
	defer stop()
	defer st.Reset() //nolint:errcheck // nothing is expected any more
	var took time.Duration
	for range 2 {
		said, heard := make([]byte, ping.PingSize), make([]byte, ping.PingSize)
		if _, err := rand.Read(said); err != nil {
			return 0, err
		}
		began := time.Now()
		if _, err := st.Write(said); err != nil {
			return 0, errors.Join(ctx.Err(), err)
		}
		if _, err := io.ReadFull(st, heard); err != nil {
			return 0, errors.Join(ctx.Err(), err)
		}
		if took = time.Since(began); !bytes.Equal(said, heard) {
			return 0, errors.New("the peer answers something else")
		}
	}
	return took, nil
}
