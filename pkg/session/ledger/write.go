package ledger

import (
	"fmt"
	"os"
	"sync"
	"time"
)

const (
	// linger is how long a write that nobody waits for waits for others: each costs the disk the same.
	linger = 5 * time.Millisecond
	// A journal of so many bytes is moved to the base; with so many, before anything more is written.
	journalFull, journalMost = 4 << 20, 32 << 20
)

// group is the batches of one write.
type group struct {
	records []byte
	asked   sync.Once
	urgent  chan struct{} // closed when somebody waits
	done    chan struct{} // closed when err is final
	err     error
}

func newGroup() *group { return &group{urgent: make(chan struct{}), done: make(chan struct{})} }

// failed is a write that is over.
func failed(err error) *group {
	g := newGroup()
	g.err = err
	close(g.done)
	return g
}

// Wait implements Write.
func (g *group) Wait() error {
	g.asked.Do(func() { close(g.urgent) })
	<-g.done
	return g.err
}

// Durable implements Write.
func (g *group) Durable() bool {
	select {
	case <-g.done:
		return g.err == nil
	default:
		return false
	}
}

// write is the one goroutine that writes journals, until Close.
func (f *File) write() {
	for {
		select {
		case <-f.work:
			f.linger()
			f.flush()
		case <-f.stop:
			f.flush()
			return
		}
	}
}

// linger returns when somebody waits for the next write, or when it has waited long enough.
func (f *File) linger() {
	f.mu.Lock()
	next := f.next
	f.mu.Unlock()
	enough := time.NewTimer(linger)
	defer enough.Stop()
	select {
	case <-next.urgent:
	case <-enough.C:
	case <-f.stop:
	}
}

// flush writes what is queued.
func (f *File) flush() {
	if f.journal.size >= journalMost {
		f.movings.Wait()
	}
	f.mu.Lock()
	g, err := f.next, f.err
	f.next = newGroup()
	f.mu.Unlock()
	if len(g.records) == 0 {
		return
	}
	if err == nil {
		err = f.journal.write(g.records)
	}
	if err != nil {
		err = f.fail(err)
	}
	g.err, g.records = err, nil
	close(g.done)
	if err == nil && f.journal.size >= journalFull {
		f.turn()
	}
}

// fail ends all writing, and returns the reason, which is the first.
func (f *File) fail(err error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.err = fmt.Errorf("%w: %s: %w; free space, see that the file can be written, and start again", ErrWrite, f.base.path, err)
	}
	return f.err
}

// turn begins another journal, and moves what this one said to the base, unless one before it is still on its way. What is
// queued meanwhile stands in both, and says the same in both.
func (f *File) turn() {
	f.mu.Lock()
	if f.moving != nil || f.err != nil {
		f.mu.Unlock()
		return
	}
	f.mu.Unlock()
	old := f.journal
	next, err := createJournal(f.base.path, old.generation+1)
	if err != nil {
		_ = f.fail(err)
		return
	}
	f.mu.Lock()
	// The records that are queued have the old journal's numbers: they go there.
	last := f.next
	f.next = newGroup()
	f.moving, f.active = f.active, newOverlay()
	end := appendEnd(last.records, f.number+1)
	f.number = 0
	f.mu.Unlock()
	err = old.write(end)
	if err != nil {
		err = f.fail(err)
	}
	last.err, last.records = err, nil
	close(last.done)
	f.journal = next
	if err != nil {
		return
	}
	f.movings.Go(func() { f.move(old) })
}

// move brings what a journal said to the base, which then does without it.
func (f *File) move(old *journal) {
	f.mu.Lock()
	said := f.moving
	f.mu.Unlock()
	err := f.base.absorb(sorted(said.values), old.generation)
	if err == nil {
		err = old.file.Close()
	}
	if err != nil {
		_ = f.fail(err)
		return
	}
	f.mu.Lock()
	f.moving = nil
	f.mu.Unlock()
	_ = os.Remove(journalPath(f.base.path, old.generation)) // Open removes what was left
}
