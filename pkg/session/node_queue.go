package session

import "slices"

// waiting is a Deliver that waits for a voucher. Each lane serves its own in the order in which they came: with all of them
// woken at once, the quick would take every voucher's credit, and a call could wait for ever. One that needs more than is
// free holds up those behind it, or many small pieces would keep a large one waiting in the same way.
type waiting struct {
	amount uint64        // uemc
	look   chan struct{} // of one place: it is the first now, or the credit has changed
}

// first says that nobody waits before me, who may not wait at all. It is called with the lock held, as all of these.
func (t *tray) first(me *waiting) bool { return len(t.queue) == 0 || t.queue[0] == me }

// wait puts me at the end, unless it waits already, and returns what the lane's voucher must reach for all up to it.
// A customer who pays only for the last of them pays for the others too, so that one whose stream hangs holds up nobody.
func (t *tray) wait(me *waiting) uint64 {
	if !slices.Contains(t.queue, me) {
		t.queue = append(t.queue, me)
	}
	need := t.till.issued + t.delivered()
	for _, w := range t.queue {
		need += w.amount
		if w == me {
			break
		}
	}
	return need - min(need, t.node.cfg.Credit)
}

// wake makes the first look again. The place in look keeps that for one that does not listen yet.
func (t *tray) wake() {
	if len(t.queue) == 0 {
		return
	}
	select {
	case t.queue[0].look <- struct{}{}:
	default:
	}
}

// leave takes me out, whether it was served or not, and lets the next one look: what it needs may be free.
func (t *tray) leave(me *waiting) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if at := slices.Index(t.queue, me); at >= 0 {
		t.queue = slices.Delete(t.queue, at, at+1)
		t.wake()
	}
}
