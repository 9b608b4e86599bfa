package service

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
)

// queue lets so many calls in at once. Those who wait are let in session by
// session in turns, so that a customer with many calls does not keep out one with
// few, and within a session in the order in which they came.
type queue struct {
	mu      sync.Mutex
	places  int
	most    int // who may wait
	checks  int // places that are taken by checks: one more may wait for each
	running int
	waiting int
	held    bool
	turns   []receipt.SessionID // sessions that wait, the next one first
	lines   map[receipt.SessionID][]chan struct{}
}

func newQueue(places, most int) *queue {
	return &queue{places: places, most: most, lines: map[receipt.SessionID][]chan struct{}{}}
}

// enter waits for a place, which leave gives back. It fails with session.ErrBusy,
// or as the context does.
func (q *queue) enter(ctx context.Context, id receipt.SessionID) error {
	q.mu.Lock()
	if q.free() {
		q.running++
		q.mu.Unlock()
		return nil
	}
	line := q.lines[id]
	if most := q.most + q.checks; q.waiting >= most || len(line) >= (most+1)/2 {
		n := q.waiting
		q.mu.Unlock()
		return fmt.Errorf("%w: %d calls wait, %d of this session", session.ErrBusy, n, len(line))
	}
	turn := make(chan struct{})
	if len(line) == 0 {
		q.turns = append(q.turns, id)
	}
	q.lines[id] = append(line, turn)
	q.waiting++
	q.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	}
	if !q.drop(id, turn) {
		q.leave() // its turn came at the same moment
	}
	return ctx.Err()
}

// tryCheck takes a place that nobody wants for a check, which endCheck gives back. No
// call is turned away for it.
func (q *queue) tryCheck() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.free() {
		return false
	}
	q.running++
	q.checks++
	return true
}

func (q *queue) endCheck() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.running--
	q.checks--
	q.admit()
}

// free is called with the lock held.
func (q *queue) free() bool { return !q.held && q.running < q.places && q.waiting == 0 }

// borrow takes a place of somebody who is about to leave, for what goes on without
// him.
func (q *queue) borrow() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.running++
}

// full says whether a call more would be turned away.
func (q *queue) full() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return !q.free() && q.waiting >= q.most+q.checks
}

func (q *queue) leave() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.running--
	q.admit()
}

// hold lets nobody in until it is taken back.
func (q *queue) hold(hold bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.held = hold
	q.admit()
}

// admit is called with the lock held.
func (q *queue) admit() {
	for !q.held && q.running < q.places && q.waiting > 0 {
		id := q.turns[0]
		line := q.lines[id]
		close(line[0])
		q.turns = q.turns[1:]
		if len(line) > 1 {
			q.lines[id], q.turns = line[1:], append(q.turns, id)
		} else {
			delete(q.lines, id)
		}
		q.waiting--
		q.running++
	}
}

// drop takes back a place in the queue; false when its turn has come.
func (q *queue) drop(id receipt.SessionID, turn chan struct{}) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	line := q.lines[id]
	at := slices.Index(line, turn)
	if at < 0 {
		return false
	}
	q.waiting--
	if line = slices.Delete(slices.Clone(line), at, at+1); len(line) > 0 {
		q.lines[id] = line
		return true
	}
	delete(q.lines, id)
	q.turns = slices.DeleteFunc(q.turns, func(s receipt.SessionID) bool { return s == id })
	return true
}

func (q *queue) counts() (running, waiting int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.running - q.checks, q.waiting
}
