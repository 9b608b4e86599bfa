package netlab

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// box holds every packet between two TUN devices for a while. Each direction has one
// goroutine that reads and one that writes, however many packets are on their way.
type box struct {
	directions [2]*direction
	running    sync.WaitGroup
	devices    []*os.File
}

func newBox(near, far *os.File) (*box, error) {
	b := &box{devices: []*os.File{near, far}}
	for i, way := range [][2]*os.File{{near, far}, {far, near}} {
		d, err := newDirection(way[0], way[1])
		if err != nil {
			return nil, errors.Join(err, b.closeClocks())
		}
		b.directions[i] = d
	}
	for _, d := range b.directions {
		b.running.Go(d.read)
		b.running.Go(d.write)
	}
	return b, nil
}

func (b *box) set(delay, jitter time.Duration, reorder bool) {
	for _, d := range b.directions {
		d.mu.Lock()
		d.queue.delay, d.queue.jitter, d.queue.reorder = delay, jitter, reorder
		d.mu.Unlock()
	}
}

func (b *box) detour(address netip.Addr, more time.Duration) {
	for _, d := range b.directions {
		d.mu.Lock()
		if d.queue.detours == nil {
			d.queue.detours = map[netip.Addr]*detour{}
		}
		if way := d.queue.detours[address]; way != nil {
			way.more = more
		} else {
			d.queue.detours[address] = &detour{more: more}
		}
		d.mu.Unlock()
	}
}

// cut loses what is on its way, and all that comes until mend.
func (b *box) cut() {
	for _, d := range b.directions {
		d.setCut(true)
	}
}

func (b *box) mend() {
	for _, d := range b.directions {
		d.setCut(false)
	}
}

// close ends the goroutines; what is on its way is lost.
func (b *box) close() error {
	var errs []error
	for _, f := range b.devices {
		errs = append(errs, f.Close())
	}
	errs = append(errs, b.closeClocks())
	b.running.Wait()
	return errors.Join(errs...)
}

func (b *box) closeClocks() (err error) {
	for _, d := range b.directions {
		if d != nil {
			err = errors.Join(err, d.clock.Close())
		}
	}
	return err
}

// Stats is what a box has done.
type Stats struct {
	// Packets and Bytes have passed, Dropped did not fit or came when the line was down,
	// Held are on their way now.
	Packets, Bytes, Dropped, Held int64
	// Late is how much later than due packets were passed on, all together, and LateMost
	// the most of it: the box's own latency.
	Late, LateMost time.Duration
}

func (s *Stats) add(more Stats) {
	s.Packets += more.Packets
	s.Bytes += more.Bytes
	s.Dropped += more.Dropped
	s.Late += more.Late
	s.LateMost = max(s.LateMost, more.LateMost)
}

func (b *box) stats() (s Stats) {
	for _, d := range b.directions {
		d.mu.Lock()
		s.add(d.seen)
		s.Held += int64(len(d.queue.packets))
		d.mu.Unlock()
	}
	return s
}

// direction is one way through a box.
type direction struct {
	from, to *os.File
	// clock is a timer of the kernel: those of Go are up to 1 ms late when the process has
	// nothing else to do.
	clock *os.File

	// passing is held from the moment at which packets leave the queue until they are at
	// the other device; it is taken before mu.
	passing sync.Mutex

	mu     sync.Mutex // also held when a packet is read, so that none is between device and queue
	buffer []byte
	queue  queue
	isCut  bool
	alarm  time.Time // what the clock is set to; zero when the writer is not asleep
	seen   Stats
}

func newDirection(from, to *os.File) (*direction, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make a timer: %w", err)
	}
	d := &direction{from: from, to: to, clock: os.NewFile(uintptr(fd), "timer"), alarm: never, buffer: make([]byte, maxPacket)}
	d.queue.random = rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	return d, nil
}

// never is the alarm of a writer that sleeps until somebody sets it.
var never = time.Unix(1<<40, 0)

// setCut empties the queue, and the device's own: what was sent over a line that is
// cut must not arrive when it is mended.
func (d *direction) setCut(cut bool) {
	d.passing.Lock()
	defer d.passing.Unlock()
	raw, err := d.from.SyscallConn()
	if err != nil {
		return // closed
	}
	_ = raw.Control(func(fd uintptr) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.isCut = true
		for d.take(int(fd)) == nil {
		}
		d.seen.Dropped += int64(d.queue.clear())
		d.isCut = cut
	})
}

// read takes packets until the device is closed.
func (d *direction) read() {
	raw, err := d.from.SyscallConn()
	if err != nil {
		return // closed
	}
	for err == nil {
		var failed error
		err = raw.Read(func(fd uintptr) (done bool) {
			d.mu.Lock()
			defer d.mu.Unlock()
			failed = d.take(int(fd))
			return !errors.Is(failed, unix.EAGAIN) // false waits for the next packet
		})
		err = errors.Join(err, failed)
	}
}

// take takes one packet into the queue. The lock is held.
func (d *direction) take(fd int) error {
	n, err := unix.Read(fd, d.buffer)
	if errors.Is(err, unix.EINTR) {
		return nil
	}
	if err != nil {
		return err
	}
	if d.isCut || !d.queue.push(time.Now(), append([]byte(nil), d.buffer[:n]...)) {
		d.seen.Dropped++
		return nil
	}
	if due, _ := d.queue.next(); !d.alarm.IsZero() && due.Before(d.alarm) {
		d.set(due)
	}
	return nil
}

// write passes on what is due, all at once, and sleeps until something is.
func (d *direction) write() {
	var expirations [8]byte
	var due []held
	for {
		due = d.pass(due[:0])
		if len(due) > 0 {
			continue // more may be due by now
		}
		if _, err := d.clock.Read(expirations[:]); err != nil {
			return
		}
	}
}

// pass writes what is due; when nothing is, the clock is set.
func (d *direction) pass(due []held) []held {
	d.passing.Lock()
	defer d.passing.Unlock()
	now := time.Now()
	d.mu.Lock()
	d.alarm = time.Time{}
	for p, ok := d.queue.pop(now); ok; p, ok = d.queue.pop(now) {
		due = append(due, p)
	}
	if len(due) == 0 {
		d.alarm = never
		if at, ok := d.queue.next(); ok {
			d.set(at)
		}
	}
	d.mu.Unlock()
	var passed Stats
	for i, p := range due {
		if _, err := d.to.Write(p.data); err != nil {
			passed.Dropped++ // the line is down
		} else {
			late := time.Since(p.due)
			passed.add(Stats{Packets: 1, Bytes: int64(len(p.data) - vnetHeader), Late: late, LateMost: late})
		}
		due[i] = held{} // lets go of the data
	}
	d.mu.Lock()
	d.seen.add(passed)
	d.mu.Unlock()
	return due
}

// set sets the clock. A moment that is over is now: 0 would stop it.
func (d *direction) set(at time.Time) {
	d.alarm = at
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(max(int64(time.Until(at)), 1))}
	d.timer(&spec)
}

// timer fails only for a file that is closed, whose reader knows.
func (d *direction) timer(spec *unix.ItimerSpec) {
	if raw, err := d.clock.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { _ = unix.TimerfdSettime(int(fd), 0, spec, nil) })
	}
}
