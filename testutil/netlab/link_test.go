package netlab

import (
	"fmt"
	"io"
	"math"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func at(h *Host, port uint16) netip.AddrPort { return netip.AddrPortFrom(h.Public(), port) }

func TestDelay(t *testing.T) {
	t.Parallel()
	l := Start(t)
	a, b := host(t, l, "a"), host(t, l, "b")
	echo := serveEcho(t, b, 7)
	u := listenUDP(t, a, 0)
	const trips = 20
	without := median(u.trips(echo, trips))
	// How late packets may be is for a machine that does much else: the best of some tells
	// what the line itself does, as far as that machine lets it.
	check := func(least time.Duration) {
		t.Helper()
		with := u.trips(echo, trips)
		t.Logf("round trips: %s without a delay; with %s: least %s, median %s", without, least, with[0], median(with))
		require.GreaterOrEqual(t, with[0], least, "no packet may be early")
		require.LessOrEqual(t, with[0], least+without+100*time.Millisecond)
	}
	require.NoError(t, a.Link().Delay(30*time.Millisecond, 0))
	check(60 * time.Millisecond)
	require.NoError(t, b.Link().Delay(20*time.Millisecond, 0))
	check(100 * time.Millisecond)
	require.NoError(t, a.Link().Delay(0, 0))
	check(40 * time.Millisecond)
	require.NoError(t, a.Link().Delay(30*time.Millisecond, 30*time.Millisecond))
	spread := u.trips(echo, trips)
	t.Logf("with 30 ms ± 30 ms: %s to %s", spread[0], spread[trips-1])
	require.Greater(t, spread[trips-1]-spread[0], 20*time.Millisecond)
	require.Error(t, a.Link().Delay(time.Millisecond, 2*time.Millisecond), "a packet before its time")
	require.Positive(t, a.Link().Stats().Packets)
}

// A detour is for what goes between two hosts, both ways, and for nobody else; the line's own delay comes on top.
func TestDetour(t *testing.T) {
	t.Parallel()
	l := Start(t)
	a, near, far := home(t, l, "a", NAT{Mapping: EndpointDependent}), host(t, l, "near"), host(t, l, "far")
	u := listenUDP(t, a, 0)
	toNear, toFar := serveEcho(t, near, 7), serveEcho(t, far, 7)
	const more, trips = 400 * time.Millisecond, 3
	require.NoError(t, a.Link().Delay(5*time.Millisecond, 0))
	require.NoError(t, a.Link().Detour(far, more))
	require.GreaterOrEqual(t, u.trips(toFar, trips)[0], 2*more+10*time.Millisecond)
	require.Less(t, u.trips(toNear, trips)[0], 2*more, "what takes no detour is not held up")
	require.NoError(t, far.Link().Detour(a, more))
	require.GreaterOrEqual(t, u.trips(toFar, trips)[0], 4*more)
	require.NoError(t, a.Link().Detour(far, 0))
	require.NoError(t, far.Link().Detour(a, 0))
	require.Less(t, u.trips(toFar, trips)[0], 2*more)
	require.Error(t, a.Link().Detour(a, more), "to itself")
	require.Error(t, a.Link().Detour(near, -more))
}

// A connection that is open lives through the change of the line's devices.
func TestDelayBeginsUnderAnOpenConnection(t *testing.T) {
	t.Parallel()
	l := Start(t)
	a, b := host(t, l, "a"), home(t, l, "b", NAT{Mapping: EndpointDependent})
	conns, address := accept(t, a, 80)
	out, err := dial(t, b, address, patience)
	require.NoError(t, err)
	in := <-conns
	defer in.Close()
	say := func(from, to io.ReadWriter, words string) {
		t.Helper()
		_, err := io.WriteString(from, words)
		require.NoError(t, err)
		got := make([]byte, len(words))
		_, err = io.ReadFull(to, got)
		require.NoError(t, err)
		require.Equal(t, words, string(got))
	}
	require.NoError(t, out.SetDeadline(time.Now().Add(patience)))
	require.NoError(t, in.SetDeadline(time.Now().Add(patience)))
	say(out, in, "before")
	for _, h := range []*Host{a, b} {
		require.NoError(t, h.Link().Delay(5*time.Millisecond, 0))
		say(out, in, "upwards")
		say(in, out, "downwards")
	}
	require.NoError(t, b.Link().Down())
	require.NoError(t, b.Link().Up())
	say(out, in, "up again")
}

func TestLoss(t *testing.T) {
	t.Parallel()
	l := Start(t)
	a, b, c := host(t, l, "a"), host(t, l, "b"), host(t, l, "c")
	from, to := listenUDP(t, a, 1000), listenUDP(t, b, 1000)
	const packets, few = 4_000, 200
	round := 0
	// Few packets at a time: of those that wait for a processor that is busy, the kernel
	// itself drops all but a thousand.
	some := func() (count int) {
		t.Helper()
		round++
		for range few {
			from.send(at(b, 1000), fmt.Sprint("round ", round))
		}
		// The end comes after all others, which are on the same way; it may be lost, too.
		end := fmt.Sprint("end of round ", round)
		for from.send(at(b, 1000), end); ; {
			switch text, _ := to.receive(30 * time.Millisecond); text {
			case "":
				from.send(at(b, 1000), end)
			case end:
				return count
			case fmt.Sprint("round ", round):
				count++
			}
		}
	}
	arrived := func() (count int) {
		for range packets / few {
			count += some()
		}
		return count
	}
	require.Equal(t, packets, arrived(), "without a loss")
	for _, c := range []struct {
		ofA, ofB float64
		delay    time.Duration
	}{{0.2, 0, 0}, {0, 0.02, 0}, {0.5, 0.5, 0}, {0.1, 0, 3 * time.Millisecond}, {0, 0, 0}} {
		require.NoError(t, a.Link().Delay(c.delay, 0))
		require.NoError(t, a.Link().Loss(c.ofA))
		require.NoError(t, b.Link().Loss(c.ofB))
		got := float64(arrived())
		p := (1 - c.ofA) * (1 - c.ofB)
		mean, deviation := packets*p, math.Sqrt(packets*p*(1-p))
		t.Logf("a loses %v, b %v, delay %s: %v of %d arrive, expected %.0f ± %.0f", c.ofA, c.ofB, c.delay, got, packets, mean, deviation)
		// Six deviations: a sound line fails once in 500 million tests.
		require.LessOrEqual(t, math.Abs(got-mean), 6*deviation)
	}
	require.NoError(t, a.Link().Loss(1))
	for range 5 {
		from.send(at(b, 1000), "lost")
		listenUDP(t, c, 0).until(to, at(b, 1000))
	}
	require.Error(t, a.Link().Loss(1.1))
	require.Error(t, a.Link().Loss(math.NaN()))
}

func TestRate(t *testing.T) {
	t.Parallel()
	l := Start(t)
	a, b := host(t, l, "a"), host(t, l, "b")
	conns, address := accept(t, b, 80)
	// speed is in bits a second, of a stream that was open before.
	speed := func(bytes int) float64 {
		t.Helper()
		out, err := dial(t, a, address, patience)
		require.NoError(t, err)
		in := <-conns
		defer in.Close()
		require.NoError(t, out.SetDeadline(time.Now().Add(patience)))
		require.NoError(t, in.SetDeadline(time.Now().Add(patience)))
		sent := make(chan error, 1)
		go func() { _, err := out.Write(make([]byte, bytes)); sent <- err }()
		start := time.Now()
		_, err = io.ReadFull(in, make([]byte, bytes))
		took := time.Since(start)
		require.NoError(t, err)
		require.NoError(t, <-sent)
		return float64(bytes) * 8 / took.Seconds()
	}
	const rate = 16_000_000
	free := speed(8 << 20)
	require.Greater(t, free, 5.0*rate, "the machine is too slow for this test")
	for _, delay := range []time.Duration{0, 2 * time.Millisecond} {
		require.NoError(t, a.Link().Delay(delay, 0))
		require.NoError(t, a.Link().Rate(rate))
		shaped := speed(2 << 20)
		t.Logf("delay %s: %.1f Mbit/s without a bound, %.1f with %d", delay, free/1e6, shaped/1e6, rate/1_000_000)
		require.Less(t, shaped, 1.1*rate)
		require.Greater(t, shaped, 0.2*rate) // a busy machine leaves it idle for a while
		require.NoError(t, a.Link().Rate(0))
		require.Greater(t, speed(8<<20), 3.0*rate)
	}
}

func TestDownAndUp(t *testing.T) {
	t.Parallel()
	l := Start(t)
	a, b, c := host(t, l, "a"), host(t, l, "b"), host(t, l, "c")
	fromA, fromC, to := listenUDP(t, a, 1000), listenUDP(t, c, 1000), listenUDP(t, b, 1000)
	for _, delay := range []time.Duration{0, 2 * time.Millisecond} {
		require.NoError(t, a.Link().Delay(delay, 0))
		fromA.until(to, at(b, 1000))
		require.NoError(t, a.Link().Down())
		for range 5 {
			fromA.send(at(b, 1000), "lost") // and nobody is told: the line is silent
			to.send(at(a, 1000), "lost")
			require.Equal(t, at(c, 1000), fromC.until(to, at(b, 1000)))
		}
		silent(t, b, at(a, 80).String())
		require.NoError(t, a.Link().Up())
		fromA.until(to, at(b, 1000))
		to.until(fromA, at(a, 1000))
	}
	require.NoError(t, a.Link().Delay(patience/10, 0))
	fromA.send(at(b, 1000), "on its way")
	require.Eventually(t, func() bool { return a.Link().Stats().Held == 1 }, patience, time.Millisecond)
	require.NoError(t, a.Link().Down())
	require.NoError(t, a.Link().Delay(0, 0))
	require.NoError(t, a.Link().Up())
	fromA.until(to, at(b, 1000))
	// A delay that begins while the line is down does not mend it.
	require.NoError(t, c.Link().Down())
	require.NoError(t, c.Link().Delay(time.Millisecond, 0))
	fromC.send(at(b, 1000), "lost")
	fromA.until(to, at(b, 1000))
	require.NoError(t, c.Link().Up())
	fromC.until(to, at(b, 1000))
}

func TestPartition(t *testing.T) {
	t.Parallel()
	l := Start(t)
	a, b, c, d := host(t, l, "a"), host(t, l, "b"), host(t, l, "c"), home(t, l, "d", NAT{})
	of := map[*Host]udp{}
	for _, h := range []*Host{a, b, c, d} {
		of[h] = listenUDP(t, h, 1000)
	}
	reach := func(from, to *Host) {
		t.Helper()
		of[from].until(of[to], at(to, 1000))
	}
	reach(a, b)
	require.NoError(t, l.Partition([]*Host{a, d}, []*Host{b}))
	for range 5 {
		of[a].send(at(b, 1000), "cut off")
		of[b].send(at(a, 1000), "cut off")
		of[d].send(at(b, 1000), "cut off")
		reach(c, b)
		reach(c, a)
	}
	reach(d, a) // the same group
	require.Error(t, l.Partition([]*Host{a}, []*Host{a}))
	require.NoError(t, l.Heal())
	for _, p := range [][2]*Host{{a, b}, {b, a}, {d, b}} {
		reach(p[0], p[1])
	}
}
