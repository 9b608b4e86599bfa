package router

import (
	"bufio"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/edgematrix/emc/pkg/session/call"
	"github.com/edgematrix/emc/pkg/transfer"
	"github.com/edgematrix/emc/router/admission"
)

func attacks() []attack {
	return []attack{
		{"slow readers", slowReaders, "held back", readers},
		{"slow writers of headers", slowHeaders, "open", headerConns},
		{"slow writers of bodies", slowBodies, "429", bodyConns},
		{"oversized bodies", oversized, "413", oversizedConns},
		{"bodies that are held", heldBodies, "429", heldConns},
		{"huge headers", hugeHeaders, "431", headerLoops},
		{"connections", connections, "closed", floodAddress},
		{"strangers", strangers, "cut or refused", admission.Default().Strangers + handshakes},
	}
}

// At how many places at once each attack goes on.
const (
	readers, headerConns, bodyConns, oversizedConns, heldConns, headerLoops = 24, 400, 200, 4, 12, 8
	// idleConns and strangeHosts are well above what is bounded.
	idleConns, strangeHosts = 3_000, 140
	// strangePause makes 50 connections a second of them: as many as 25 machines may, of which each gets two a second from a host
	// (pkg/transfer) that does not know them for itself.
	strangePause = 2 * time.Second
)

// attackFrom is an address of this machine that no honest program has: a bound on addresses is his alone.
const attackFrom = "127.0.0.2"

// each does something in so many places at once, again and again, with a pause.
func each(ctx context.Context, places int, pause time.Duration, do func(ctx context.Context, place int)) {
	var group sync.WaitGroup
	for i := range places {
		group.Go(func() {
			for ctx.Err() == nil {
				do(ctx, i)
				wait(ctx, pause)
			}
		})
	}
	group.Wait()
}

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// dial opens a connection that ends with ctx.
func (f *flood) dial(ctx context.Context) (net.Conn, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(attackFrom)}}
	c, err := d.DialContext(ctx, "tcp", f.gateway)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { _ = c.Close() })
	return c, nil
}

func (f *flood) head(length string) string {
	return "POST /v1/chat/completions HTTP/1.1\r\nHost: r\r\nContent-Type: application/json\r\nAuthorization: Bearer " + f.attacker + "\r\n" + length + "\r\n\r\n"
}

// answered counts the status of an answer.
func answered(c net.Conn, seen *tally) {
	_ = c.SetReadDeadline(time.Now().Add(time.Minute))
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		seen.add("no answer")
		return
	}
	_ = answer.Body.Close()
	seen.add(fmt.Sprint(answer.StatusCode))
}

// slowReaders ask for long answers, as fast as the app says them, and take a byte now and then.
func slowReaders(ctx context.Context, f *flood, seen *tally) {
	const tokens, size = 1_000, 16 << 10
	var watching sync.WaitGroup
	watching.Go(func() { f.heldBack(ctx, seen) })
	defer watching.Wait()
	each(ctx, readers, time.Second, func(ctx context.Context, _ int) {
		c, err := f.dial(ctx)
		if err != nil {
			return
		}
		defer c.Close()
		_ = c.(*net.TCPConn).SetReadBuffer(4 << 10)
		body := fmt.Sprintf(`{"model":%q,"max_tokens":%d,"stream":true,"user":%q,"pace_ms":-1,"messages":[]}`, model, tokens, strings.Repeat("x", size))
		if _, err := io.WriteString(c, f.head(fmt.Sprintf("Content-Length: %d", len(body)))+body); err != nil {
			return
		}
		buf := make([]byte, 1)
		for ctx.Err() == nil {
			if _, err := c.Read(buf); err != nil {
				seen.add("cut")
				return
			}
			wait(ctx, 50*time.Millisecond)
		}
	})
}

// heldBack waits until the app says nothing more to any of them, though none of their answers is at its end: what they do not read is
// neither asked of the app nor kept by the router.
func (f *flood) heldBack(ctx context.Context, seen *tally) {
	const still = 300 * time.Millisecond
	for ctx.Err() == nil {
		before := f.app.tokens.Load()
		wait(ctx, still)
		if f.app.running.Load() >= readers && f.app.tokens.Load() == before {
			seen.add("held back")
			return
		}
	}
}

// slowHeaders send a byte of a header that does not end, now and then.
func slowHeaders(ctx context.Context, f *flood, seen *tally) {
	each(ctx, headerConns, 100*time.Millisecond, func(ctx context.Context, _ int) {
		c, err := f.dial(ctx)
		if err != nil {
			return
		}
		defer c.Close()
		seen.add("open")
		if _, err := io.WriteString(c, "GET /healthz HTTP/1.1\r\nX-Slow: "); err != nil {
			return
		}
		for ctx.Err() == nil {
			if _, err := c.Write([]byte("x")); err != nil {
				seen.add("cut")
				return
			}
			wait(ctx, 300*time.Millisecond)
		}
	})
}

// slowBodies do the same in a body, with a key that is good.
func slowBodies(ctx context.Context, f *flood, seen *tally) {
	each(ctx, bodyConns, 500*time.Millisecond, func(ctx context.Context, _ int) {
		c, err := f.dial(ctx)
		if err != nil {
			return
		}
		defer c.Close()
		if _, err := io.WriteString(c, f.head("Content-Length: 1000000")); err != nil {
			return
		}
		over := make(chan struct{})
		go func() { defer close(over); answered(c, seen) }()
		for ctx.Err() == nil {
			if _, err := c.Write([]byte(" ")); err != nil {
				break
			}
			wait(ctx, 300*time.Millisecond)
		}
		_ = c.Close()
		<-over
	})
}

// sends writes a body of chunks until it is as long as that, or nobody takes it.
func sends(c net.Conn, long int) {
	piece := strings.Repeat(" ", 1<<20)
	for range long >> 20 {
		if _, err := fmt.Fprintf(c, "%x\r\n%s\r\n", len(piece), piece); err != nil {
			return
		}
	}
}

// oversized send bodies that are too long, and do not say so before.
func oversized(ctx context.Context, f *flood, seen *tally) {
	each(ctx, oversizedConns, time.Second, func(ctx context.Context, _ int) {
		c, err := f.dial(ctx)
		if err != nil {
			return
		}
		defer c.Close()
		_, _ = io.WriteString(c, f.head("Transfer-Encoding: chunked"))
		sends(c, 24<<20)
		_, _ = io.WriteString(c, "0\r\n\r\n")
		answered(c, seen)
	})
}

// heldBodies send as much as is allowed, but for the end.
func heldBodies(ctx context.Context, f *flood, seen *tally) {
	each(ctx, heldConns, time.Second, func(ctx context.Context, _ int) {
		c, err := f.dial(ctx)
		if err != nil {
			return
		}
		defer c.Close()
		_, _ = io.WriteString(c, f.head("Transfer-Encoding: chunked"))
		sends(c, 12<<20)
		answered(c, seen)
	})
}

// hugeHeaders send a header that is longer than any.
func hugeHeaders(ctx context.Context, f *flood, seen *tally) {
	line := "X-Much: " + strings.Repeat("x", 1_000) + "\r\n"
	each(ctx, headerLoops, 100*time.Millisecond, func(ctx context.Context, _ int) {
		c, err := f.dial(ctx)
		if err != nil {
			return
		}
		defer c.Close()
		_, _ = io.WriteString(c, "GET /healthz HTTP/1.1\r\nHost: r\r\n"+strings.Repeat(line, 36))
		answered(c, seen)
	})
}

// connections hold thousands of them, and do nothing.
func connections(ctx context.Context, f *flood, seen *tally) {
	each(ctx, idleConns, time.Second, func(ctx context.Context, place int) {
		wait(ctx, time.Duration(place%500)*time.Millisecond) // not a burst of which the kernel itself drops a part
		c, err := f.dial(ctx)
		if err != nil {
			return
		}
		defer c.Close()
		if _, err := c.Read(make([]byte, 1)); ctx.Err() == nil && err != nil {
			seen.add("closed")
		}
	})
}

// strangers are peers of whom the chain knows nothing: they connect with keys that cost nothing, and open streams.
func strangers(ctx context.Context, f *flood, seen *tally) {
	at := f.routerPeer()
	each(ctx, strangeHosts, strangePause, func(ctx context.Context, place int) {
		wait(ctx, time.Duration(place)*strangePause/strangeHosts)
		h, err := newStranger(ctx)
		if err != nil {
			return
		}
		defer h.Close()
		dialling, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		if err := h.Connect(dialling, at); err != nil {
			seen.add("cut or refused")
			return
		}
		for i := range 40 {
			kind := []protocol.ID{call.CosignProtocol, call.Protocol, "/meshsub/1.1.0"}[i%3]
			s, err := h.NewStream(network.WithNoDial(dialling, "once a turn"), at.ID, kind)
			if err != nil {
				seen.add("no stream")
				break
			}
			_, _ = s.Write(make([]byte, 1_000))
		}
		for ctx.Err() == nil && len(h.Network().ConnsToPeer(at.ID)) > 0 {
			wait(ctx, 100*time.Millisecond)
		}
		if ctx.Err() == nil {
			seen.add("cut or refused")
		}
	})
}

func newStranger(ctx context.Context) (host.Host, error) {
	key, _, err := crypto.GenerateSecp256k1Key(rand.Reader)
	if err != nil {
		return nil, err
	}
	return transfer.NewHost(ctx, key, nil)
}

// routerPeer is where the chain says that the router is.
func (f *flood) routerPeer() (at peer.AddrInfo) {
	var answer struct {
		Node struct {
			Node struct {
				Pubkey    []byte   `json:"pubkey"`
				Endpoints []string `json:"endpoints"`
			} `json:"node"`
		} `json:"node"`
	}
	if _, err := f.net.Get(f.ctx, "/emc/compute/v1/nodes/"+f.router.Address, 0, &answer); err != nil {
		f.Errorf("the router is not on the chain: %v", err)
		return at
	}
	key, err := transfer.PubKeyFromBytes(answer.Node.Node.Pubkey)
	if err == nil {
		at.ID, err = transfer.PeerID(key)
	}
	if err != nil {
		f.Errorf("the router's key: %v", err)
	}
	for _, e := range answer.Node.Node.Endpoints {
		if a, err := ma.NewMultiaddr(e); err == nil {
			at.Addrs = append(at.Addrs, a)
		}
	}
	return at
}
