package transfer_test

import (
	"fmt"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
	"github.com/stretchr/testify/require"
)

// proxy forwards TCP and cuts connections: each of the first ones after as many bytes, in either direction, as cuts says.
type proxy struct {
	ln   net.Listener
	to   string
	mu   sync.Mutex
	cuts []int64
	made int
	open []net.Conn
}

// newProxy stands before the first TCP endpoint and returns its own.
func newProxy(t *testing.T, endpoints []string, cuts ...int64) (*proxy, []string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &proxy{ln: ln, to: dialable(t, endpoints), cuts: cuts}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			running.Go(func() { p.forward(c) })
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		p.mu.Lock()
		for _, c := range p.open {
			_ = c.Close()
		}
		p.mu.Unlock()
		running.Wait()
	})
	return p, []string{fmt.Sprintf("/ip4/127.0.0.1/tcp/%d", ln.Addr().(*net.TCPAddr).Port)}
}

func dialable(t *testing.T, endpoints []string) string {
	t.Helper()
	for _, e := range endpoints {
		if a, err := manet.ToNetAddr(multiaddr.StringCast(e)); err == nil && a.Network() == "tcp" {
			return a.String()
		}
	}
	t.Fatalf("no TCP endpoint in %v", endpoints)
	return ""
}

func (p *proxy) forward(c net.Conn) {
	defer c.Close()
	up, err := net.Dial("tcp", p.to)
	if err != nil {
		return
	}
	defer up.Close()
	p.mu.Lock()
	p.made++
	p.open = append(p.open, c, up)
	var limit int64 = 1 << 40
	if len(p.cuts) > 0 {
		limit, p.cuts = p.cuts[0], p.cuts[1:]
	}
	p.mu.Unlock()
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{c, up}, {up, c}} {
		both.Go(func() {
			_, _ = io.CopyN(way[1], way[0], limit)
			_, _ = c.Close(), up.Close()
		})
	}
	both.Wait()
}

func (p *proxy) connections() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.made
}
