package netlab

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"sync"
	"time"
)

// Link is the line between a host and the internet. Everything may be changed while
// it is in use, and holds for both directions.
type Link struct {
	lab    *Lab
	number int
	end    space // the host's
	// gateway is the internet's end, public the host's.
	gateway, public netip.Addr

	mu   sync.Mutex
	box  *box // since Delay was asked for first
	down bool
	rate int64
	loss float64 // guarded by the lab's mu, as all rules of the internet are
}

// The devices at the host's end, and, with the line's number, at the internet's.
const (
	hostVeth, hostTUN = "eth0", "tun0"
	coreVeth, coreTUN = "v", "t"
)

func (l *Link) veth() string { return fmt.Sprint(coreVeth, l.number) }
func (l *Link) tun() string  { return fmt.Sprint(coreTUN, l.number) }

// newLink is called with the lab's lock held.
func newLink(lab *Lab, number int, end space) (*Link, error) {
	at := func(last byte) netip.Addr { return netip.AddrFrom4([4]byte{11, byte(number >> 8), byte(number), last}) }
	l := &Link{lab: lab, number: number, end: end, gateway: at(1), public: at(2)}
	return l, errors.Join(
		lab.core.ip(lab.ctx,
			veth(l.veth(), end),
			fmt.Sprintf("addr add %s/30 dev %s", l.gateway, l.veth()),
			fmt.Sprintf("link set %s up arp off", l.veth()),
		),
		end.ip(lab.ctx,
			fmt.Sprintf("addr add %s/30 dev %s", l.public, hostVeth),
			fmt.Sprintf("link set %s up arp off", hostVeth),
			"route replace "+l.byVeth(),
		),
	)
}

// veth makes a device here and hostVeth in another namespace. Both have the same hardware
// address, so that without ARP each takes what the other sends: the kernel drops all
// but a few packets of those that wait for an answer of ARP.
func veth(name string, end space) string {
	const address = "02:00:00:00:00:01"
	return fmt.Sprintf("link add %s address %s type veth peer name %s address %s netns %s", name, address, hostVeth, address, end)
}

// byVeth and byTUN are the host's ways out.
func (l *Link) byVeth() string { return fmt.Sprintf("default via %s dev %s", l.gateway, hostVeth) }
func (l *Link) byTUN() string  { return fmt.Sprintf("default dev %s src %s", hostTUN, l.public) }

// Delay makes every packet take so much longer, in each direction: a round trip
// takes twice that. The jitter is at most how much a packet takes more or less; packets stay in
// their order. A delay of 0 ends it, as soon as what is on its way has arrived.
func (l *Link) Delay(d, jitter time.Duration) error { return l.delay(d, jitter, false) }

// DelayReordering is Delay where jitter lets packets overtake each other.
func (l *Link) DelayReordering(d, jitter time.Duration) error { return l.delay(d, jitter, true) }

func (l *Link) delay(d, jitter time.Duration, reorder bool) error {
	if d < 0 || jitter < 0 || jitter > d {
		return fmt.Errorf("a delay of %s with a jitter of %s: neither is negative, and the jitter is at most the delay", d, jitter)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.box == nil {
		if d == 0 {
			return nil
		}
		if err := l.open(); err != nil {
			return err
		}
	}
	// From here on the line stays with its TUN devices, also at 0: packets in the box
	// would be overtaken by those that go past it.
	l.box.set(d, jitter, reorder)
	return nil
}

// Detour makes packets between this line's host and another take so much longer, in each direction, than the two lines do
// by themselves: no two ways through the internet are alike. A detour of 0 ends it.
func (l *Link) Detour(to *Host, more time.Duration) error {
	if more < 0 {
		return fmt.Errorf("a detour of %s: packets do not arrive before they are sent", more)
	}
	if to.lab != l.lab || to.link == l {
		return fmt.Errorf("%s is not at another line of this lab", to.Name)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.box == nil {
		if err := l.open(); err != nil {
			return err
		}
	}
	l.box.detour(to.public, more)
	return nil
}

// open leads the line through a box.
func (l *Link) open() error {
	ctx := l.lab.ctx
	near, err := openTUN(l.end, hostTUN)
	if err != nil {
		return err
	}
	far, err := openTUN(l.lab.core, l.tun())
	if err != nil {
		return errors.Join(err, near.Close())
	}
	b, err := newBox(near, far)
	if err != nil {
		return errors.Join(err, near.Close(), far.Close())
	}
	state := "up"
	if l.down {
		state = "down"
		b.cut()
	}
	if err := errors.Join(
		l.end.ip(ctx, fmt.Sprintf("link set %s up txqueuelen %d", hostTUN, tunQueue)),
		l.lab.core.ip(ctx, fmt.Sprintf("link set %s %s txqueuelen %d", l.tun(), state, tunQueue)),
		l.shape(ctx, l.end, hostTUN), l.shape(ctx, l.lab.core, l.tun()),
		l.routes(ctx, !l.down),
		l.end.ip(ctx, "route replace "+l.byTUN()),
	); err != nil {
		return errors.Join(err, b.close())
	}
	l.box = b
	return nil
}

// routes leads what is for the host into the box.
func (l *Link) routes(ctx context.Context, up bool) error {
	if !up {
		return nil // there are none by a device that is down; Up makes them
	}
	return l.lab.core.ip(ctx, fmt.Sprintf("route replace %s/32 dev %s", l.public, l.tun()))
}

// Loss is the part of the packets that never arrives, 0 to 1, in each direction.
func (l *Link) Loss(p float64) error {
	if !(p >= 0 && p <= 1) {
		return fmt.Errorf("a loss of %v: it is a part, 0 to 1", p)
	}
	l.lab.mu.Lock()
	defer l.lab.mu.Unlock()
	l.loss = p
	return l.lab.applyRules()
}

// Rate is how many bits a second fit through the line, in each direction; 0 is no bound.
func (l *Link) Rate(bits int64) error {
	if bits < 0 {
		return fmt.Errorf("a rate of %d bits a second", bits)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	ctx := l.lab.ctx
	l.rate = bits
	err := errors.Join(l.shape(ctx, l.end, hostVeth), l.shape(ctx, l.lab.core, l.veth()))
	if l.box != nil {
		err = errors.Join(err, l.shape(ctx, l.end, hostTUN), l.shape(ctx, l.lab.core, l.tun()))
	}
	return err
}

const (
	// mtu is of all devices.
	mtu = 1500
	// burstTime is how long a device may send at full speed after it was idle.
	burstTime = 10 * time.Millisecond
	// queueTime is how long packets wait for a narrow line before they are dropped: as
	// much as home routers do, and enough for TCP to fill the line.
	queueTime = 100 * time.Millisecond
)

// shape gives a device the line's rate.
func (l *Link) shape(ctx context.Context, s space, device string) error {
	if l.rate == 0 {
		// tc has no "delete if there".
		return s.inside(func() error { _ = command(ctx, "", "tc", "qdisc", "del", "dev", device, "root"); return nil })
	}
	burst := max(int64(math.Ceil(float64(l.rate)/8*burstTime.Seconds())), 2*mtu)
	return s.run(ctx, fmt.Sprintf("tc qdisc replace dev %s root tbf rate %dbit burst %db latency %dms", device, l.rate, burst, queueTime.Milliseconds()))
}

// Down cuts the line: nothing arrives any more, also of what is on its way, and nobody
// is told. The host keeps its address and its way out.
func (l *Link) Down() error { return l.set(true) }

// Up mends the line.
func (l *Link) Up() error { return l.set(false) }

func (l *Link) set(down bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	state := "up"
	if down {
		state = "down"
	}
	if l.box != nil && down {
		l.box.cut()
	} else if l.box != nil {
		l.box.mend()
	}
	lines := []string{fmt.Sprintf("link set %s %s", l.veth(), state)}
	if l.box != nil {
		lines = append(lines, fmt.Sprintf("link set %s %s", l.tun(), state))
	}
	if err := l.lab.core.ip(l.lab.ctx, lines...); err != nil {
		return err
	}
	l.down = down
	if l.box == nil {
		return nil
	}
	return l.routes(l.lab.ctx, !down)
}

// Stats is what the line's box has done, of both directions; nothing before Delay.
func (l *Link) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.box == nil {
		return Stats{}
	}
	return l.box.stats()
}

// close removes both ends.
func (l *Link) close(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var err error
	if l.box != nil {
		err = l.box.close()
	}
	// The namespace itself lives as long as somebody has a socket in it, and the pair
	// with it; its end in the internet is ours to remove.
	return errors.Join(err, l.lab.core.ip(ctx, "link del "+l.veth()))
}
