package netlab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestHomeIsReachedByAnswersOnly(t *testing.T) {
	t.Parallel()
	l := Start(t)
	for i, mapping := range []Mapping{EndpointIndependent, EndpointDependent} {
		out, in := host(t, l, fmt.Sprint("out", i)), home(t, l, fmt.Sprint("in", i), NAT{Mapping: mapping, Forward: []uint16{8080}})
		require.True(t, in.Address.IsPrivate())
		require.NotEqual(t, in.Address, in.Public())

		outside, inside := listenUDP(t, out, 1000), listenUDP(t, in, 1000)
		for range 5 {
			outside.send(at(in, 1000), "let me in")
		}
		from := inside.until(outside, at(out, 1000))
		require.Equal(t, in.Public(), from.Addr(), "the host's own address does not show")
		outside.until(inside, from) // and nothing from before is there
		other := listenUDP(t, out, 1001)
		other.send(from, "the flow is another's")
		outside.until(inside, from)

		conns, address := accept(t, in, 80)
		silent(t, out, address)
		// Nor by a neighbour's trick, who sends to the host's own address.
		require.NoError(t, l.core.ip(t.Context(), fmt.Sprintf("route add %s dev %s", in.Address, in.Link().veth())))
		silent(t, out, fmt.Sprintf("%s:80", in.Address))
		open, address := accept(t, in, 8080)
		c, err := dial(t, out, address, patience)
		require.NoError(t, err, "a port that the owner has opened")
		through := <-open
		require.Equal(t, out.Address.String(), through.RemoteAddr().(*net.TCPAddr).IP.String())
		through.Close()
		c.Close()
		require.Empty(t, conns)

		served, address := accept(t, out, 80)
		_, err = dial(t, in, address, patience)
		require.NoError(t, err)
		there := <-served
		require.Equal(t, in.Public().String(), there.RemoteAddr().(*net.TCPAddr).IP.String())
		there.Close()
	}
}

func TestMapping(t *testing.T) {
	t.Parallel()
	l := Start(t)
	one, two := serveEcho(t, host(t, l, "one"), 3478), serveEcho(t, host(t, l, "two"), 3478)
	same := listenUDP(t, home(t, l, "easy", NAT{}), 5000)
	require.EqualValues(t, 5000, same.seen(one).Port(), "the port is kept")
	require.Equal(t, same.seen(one), same.seen(two))
	hard := listenUDP(t, home(t, l, "hard", NAT{Mapping: EndpointDependent}), 5000)
	first := hard.seen(one)
	require.NotEqual(t, first, hard.seen(two))
	require.Equal(t, first, hard.seen(one), "a flow keeps its port")
}

// pairs are kinds of NAT, and whether hosts behind them can reach each other.
func pairs() []struct {
	a, b    Mapping
	through bool
} {
	return []struct {
		a, b    Mapping
		through bool
	}{
		{EndpointIndependent, EndpointIndependent, true},
		{EndpointIndependent, EndpointDependent, false},
		{EndpointDependent, EndpointDependent, false},
	}
}

func TestPunchUDP(t *testing.T) {
	t.Parallel()
	l := Start(t)
	meeting := serveEcho(t, host(t, l, "meeting"), 3478)
	for i, c := range pairs() {
		a := listenUDP(t, home(t, l, fmt.Sprint("a", i), NAT{Mapping: c.a}), 5000)
		b := listenUDP(t, home(t, l, fmt.Sprint("b", i), NAT{Mapping: c.b}), 5000)
		ofA, ofB := a.seen(meeting), b.seen(meeting)
		gotA, gotB := false, false
		for try := 0; try < 20 && (!gotA || !gotB); try++ {
			a.send(ofB, "hello")
			b.send(ofA, "hello")
			text, _ := a.receive(20 * time.Millisecond)
			gotA = gotA || text == "hello"
			text, _ = b.receive(20 * time.Millisecond)
			gotB = gotB || text == "hello"
		}
		require.Equal(t, c.through, gotA && gotB, "%+v", c)
		// The way is there in both cases, so that it was the NAT that refused.
		a.seen(meeting)
		b.seen(meeting)
	}
}

// shared lets several sockets have a port, as hole punching over TCP takes.
func shared(_, _ string, c syscall.RawConn) (err error) {
	return errors.Join(c.Control(func(fd uintptr) {
		err = errors.Join(
			unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
			unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1),
		)
	}), err)
}

func TestPunchTCP(t *testing.T) {
	t.Parallel()
	l := Start(t)
	meeting := host(t, l, "meeting")
	met, address := accept(t, meeting, 3478)
	for i, c := range pairs() {
		homes := [2]*Host{home(t, l, fmt.Sprint("a", i), NAT{Mapping: c.a}), home(t, l, fmt.Sprint("b", i), NAT{Mapping: c.b})}
		var seen [2]string
		var dialers [2]*net.Dialer
		for k, h := range homes {
			// Both SYNs are on their way before one arrives.
			require.NoError(t, h.Link().Delay(25*time.Millisecond, 0))
			dialers[k] = &net.Dialer{Control: shared, LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(h.Address, 5000))}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			conn, err := h.DialFrom(ctx, dialers[k], "tcp4", address)
			cancel()
			require.NoError(t, err)
			defer conn.Close()
			seen[k] = (<-met).RemoteAddr().String()
		}
		within := patience
		if !c.through {
			within = 2 * time.Second // two SYNs of each
		}
		ctx, cancel := context.WithTimeout(t.Context(), within)
		errs := make(chan error, 2)
		for k, h := range homes {
			go func() {
				conn, err := h.DialFrom(ctx, dialers[k], "tcp4", seen[1-k])
				if err == nil {
					defer conn.Close()
					_ = conn.SetDeadline(time.Now().Add(patience))
					if _, err = fmt.Fprintf(conn, "%d", k); err == nil {
						said := make([]byte, 1)
						if _, err = io.ReadFull(conn, said); err == nil && string(said) != fmt.Sprint(1-k) {
							err = fmt.Errorf("it is %q", said)
						}
					}
				}
				errs <- err
			}()
		}
		err := errors.Join(<-errs, <-errs)
		cancel()
		if c.through {
			require.NoError(t, err, "%+v", c)
		} else {
			require.Error(t, err, "%+v", c)
		}
	}
}
