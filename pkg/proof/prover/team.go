package prover

import (
	"context"
	"sync"
)

// team is a group of cores that share the operand B of a round, and of the next.
type team struct {
	*work
	operands [2][]byte

	mu    sync.Mutex
	slots [2]*round
	// count is how many rounds the team has begun.
	count int
	empty bool
}

// join takes part in one round of the team after the other.
func (t *team) join(ctx context.Context, c *core) {
	for i := 0; ; i++ {
		r := t.enter(ctx, i)
		if r == nil || !c.pack(ctx, r) || !c.multiply(ctx, r) {
			return
		}
	}
}

// enter is the team's i-th round. It begins when the last but one is finished,
// whose buffer it takes. There is none when the work or the context has ended.
func (t *team) enter(ctx context.Context, i int) *round {
	for {
		r, wait := t.slot(i)
		if wait == nil {
			return r
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return nil
		}
	}
}

func (t *team) slot(i int) (r *round, wait <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if i < t.count { // or, for a core that slept meanwhile, a later round that needs hands
		return t.slots[i%2], nil
	}
	if before := t.slots[i%2]; before != nil {
		select {
		case <-before.finished:
		default:
			return nil, before.finished
		}
	}
	if t.empty {
		return nil, nil
	}
	number, ok := t.next()
	if !ok {
		t.empty = true
		return nil, nil
	}
	t.slots[i%2] = newRound(t.work, number, t.operands[i%2])
	t.count++
	return t.slots[i%2], nil
}
