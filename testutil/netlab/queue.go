package netlab

import (
	"container/heap"
	"math/rand/v2"
	"net/netip"
	"time"
)

// held is a packet on its way.
type held struct {
	due  time.Time
	turn uint64 // of packets that are due at once, who came first
	data []byte
}

// queue holds packets until they are due. It has no clock and no lock of its own.
type queue struct {
	delay, jitter time.Duration
	reorder       bool
	random        *rand.Rand
	// detours are what packets from or to an address take longer than all others.
	detours map[netip.Addr]*detour

	packets packets
	bytes   int
	turn    uint64
	last    time.Time // no packet is due before one that came before it
}

// detour is a longer way to one address. Its packets keep an order of their own: they do not hold up the others.
type detour struct {
	more time.Duration
	last time.Time
}

// way is the detour that a packet takes, if there is one. The addresses are those of its IPv4 header.
func (q *queue) way(data []byte) *detour {
	const from, to, end = vnetHeader + 12, vnetHeader + 16, vnetHeader + 20
	if len(q.detours) == 0 || len(data) < end {
		return nil
	}
	for _, at := range []int{from, to} {
		if d := q.detours[netip.AddrFrom4([4]byte(data[at:at+4]))]; d != nil {
			return d
		}
	}
	return nil
}

// maxHeld bounds what is on its way in one direction: a second of 4 Gbit/s.
const maxHeld = 512 << 20

// push takes a packet that comes at a moment. It refuses one that does not fit.
func (q *queue) push(now time.Time, data []byte) bool {
	if q.bytes+len(data) > maxHeld {
		return false
	}
	due, last := now.Add(q.delay), &q.last
	if d := q.way(data); d != nil {
		due, last = due.Add(d.more), &d.last
	}
	if q.jitter > 0 {
		due = due.Add(time.Duration(q.random.Int64N(2*int64(q.jitter)+1)) - q.jitter)
	}
	if !q.reorder && due.Before(*last) {
		due = *last
	}
	if due.After(*last) {
		*last = due
	}
	q.turn++
	q.bytes += len(data)
	heap.Push(&q.packets, held{due: due, turn: q.turn, data: data})
	return true
}

// pop returns the next packet that is due, if there is one.
func (q *queue) pop(now time.Time) (held, bool) {
	if len(q.packets) == 0 || q.packets[0].due.After(now) {
		return held{}, false
	}
	p := heap.Pop(&q.packets).(held)
	q.bytes -= len(p.data)
	return p, true
}

// next is when there is something to pop; false is never.
func (q *queue) next() (time.Time, bool) {
	if len(q.packets) == 0 {
		return time.Time{}, false
	}
	return q.packets[0].due, true
}

// clear forgets all packets, and says how many.
func (q *queue) clear() int {
	n := len(q.packets)
	q.packets, q.bytes, q.last = nil, 0, time.Time{}
	return n
}

// packets implement heap.Interface, by time.
type packets []held

func (p packets) Len() int { return len(p) }
func (p packets) Less(i, j int) bool {
	if p[i].due.Equal(p[j].due) {
		return p[i].turn < p[j].turn
	}
	return p[i].due.Before(p[j].due)
}
func (p packets) Swap(i, j int) { p[i], p[j] = p[j], p[i] }
func (p *packets) Push(x any)   { *p = append(*p, x.(held)) }
func (p *packets) Pop() any {
	old := *p
	last := old[len(old)-1]
	old[len(old)-1] = held{} // lets go of the data
	*p = old[:len(old)-1]
	return last
}
