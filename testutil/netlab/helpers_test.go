package netlab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// patience bounds what is done at once, on a machine that is busy.
const patience = 20 * time.Second

// room gives a socket the space for all packets of a test: what a slow reader loses
// must not be taken for the line's loss.
var room = net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) (err error) {
	return errors.Join(c.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 32<<20) }), err)
}}

func host(t testing.TB, l *Lab, name string) *Host {
	t.Helper()
	h, err := l.Host(name)
	require.NoError(t, err)
	return h
}

func home(t testing.TB, l *Lab, name string, n NAT) *Host {
	t.Helper()
	h, err := l.Home(name, n)
	require.NoError(t, err)
	return h
}

// udp is a UDP socket in a host.
type udp struct {
	net.PacketConn
	t testing.TB
}

func listenUDP(t testing.TB, h *Host, port int) udp {
	t.Helper()
	c, err := h.ListenPacket(t.Context(), room, "udp4", fmt.Sprintf("%s:%d", h.Address, port))
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return udp{c, t}
}

func (u udp) send(to netip.AddrPort, text string) {
	u.t.Helper()
	_, err := u.WriteTo([]byte(text), net.UDPAddrFromAddrPort(to))
	require.NoError(u.t, err)
}

// receive is the next packet, or "" when none comes in that time.
func (u udp) receive(within time.Duration) (string, netip.AddrPort) {
	u.t.Helper()
	buffer := make([]byte, 2048)
	require.NoError(u.t, u.SetReadDeadline(time.Now().Add(within)))
	n, from, err := u.ReadFrom(buffer)
	if err != nil {
		require.ErrorContains(u.t, err, "timeout")
		return "", netip.AddrPort{}
	}
	return string(buffer[:n]), from.(*net.UDPAddr).AddrPort()
}

// checks numbers what until has sent, so that a packet that was slow is not taken for another.
var checks atomic.Int64

const checkWord = "check "

// until sends a text again and again until the other has it, and fails if something
// else than a check is there before it: what was sent earlier on the same way and has
// not come by then never comes.
func (u udp) until(at udp, to netip.AddrPort) (from netip.AddrPort) {
	u.t.Helper()
	number := checks.Add(1)
	for end := time.Now().Add(patience); time.Now().Before(end); {
		u.send(to, fmt.Sprint(checkWord, number))
		for {
			got, from := at.receive(200 * time.Millisecond)
			if got == "" {
				break
			}
			if got == fmt.Sprint(checkWord, number) {
				return from
			}
			require.True(u.t, strings.HasPrefix(got, checkWord), "%q from %s must not arrive", got, from)
		}
	}
	require.Fail(u.t, "nothing arrives")
	return from
}

// serveEcho answers every packet with "SENDER TEXT": who is seen, as STUN tells it.
func serveEcho(t testing.TB, h *Host, port int) netip.AddrPort {
	t.Helper()
	u := listenUDP(t, h, port)
	var done sync.WaitGroup
	done.Go(func() {
		buffer := make([]byte, 2048)
		for {
			n, from, err := u.ReadFrom(buffer)
			if err != nil {
				return
			}
			_, _ = u.WriteTo([]byte(fmt.Sprintf("%s %s", from, buffer[:n])), from)
		}
	})
	t.Cleanup(func() { u.Close(); done.Wait() })
	return netip.AddrPortFrom(h.Public(), uint16(port))
}

// seen asks an echo server who it sees.
func (u udp) seen(at netip.AddrPort) netip.AddrPort {
	u.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); {
		u.send(at, "who am I?")
		for text, from := u.receive(time.Second); text != ""; text, from = u.receive(time.Second) {
			if from == at {
				me, err := netip.ParseAddrPort(strings.Fields(text)[0])
				require.NoError(u.t, err)
				return me
			}
		}
	}
	require.Fail(u.t, "the echo server does not answer")
	return netip.AddrPort{}
}

// trips are the times of round trips to an echo server, sorted.
func (u udp) trips(to netip.AddrPort, count int) (out []time.Duration) {
	u.t.Helper()
	for i := 0; len(out) < count; i++ {
		require.Less(u.t, i, 2*count, "packets are lost")
		word := fmt.Sprint("trip", i)
		start := time.Now()
		u.send(to, word)
		for text, _ := u.receive(2 * time.Second); text != ""; text, _ = u.receive(2 * time.Second) {
			if strings.HasSuffix(text, " "+word) {
				out = append(out, time.Since(start))
				break
			}
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i] < out[j] })
	return out
}

func median(sorted []time.Duration) time.Duration { return sorted[len(sorted)/2] }

// accept takes connections at a host and hands them over.
func accept(t testing.TB, h *Host, port int) (<-chan net.Conn, string) {
	t.Helper()
	l, err := h.Listen(t.Context(), net.ListenConfig{}, "tcp4", fmt.Sprintf("%s:%d", h.Address, port))
	require.NoError(t, err)
	conns := make(chan net.Conn, 8)
	var done sync.WaitGroup
	done.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns <- c
		}
	})
	t.Cleanup(func() { l.Close(); done.Wait() })
	return conns, fmt.Sprintf("%s:%d", h.Public(), port)
}

func dial(t testing.TB, h *Host, address string, within time.Duration) (net.Conn, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	c, err := h.DialContext(ctx, "tcp4", address)
	if err == nil {
		t.Cleanup(func() { c.Close() })
	}
	return c, err
}

// silent checks that nobody answers at an address, not even that there is nothing. The
// second SYN is after a second; an answer to the first may come too soon to be heard.
func silent(t testing.TB, from *Host, address string) {
	t.Helper()
	_, err := dial(t, from, address, 1300*time.Millisecond)
	var timeout net.Error
	require.ErrorAs(t, err, &timeout)
	require.True(t, timeout.Timeout(), "%v", err)
}
