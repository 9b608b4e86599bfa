package runtime

import (
	"context"
	"sync"
)

// Freezer is a runtime whose programs can be held still for a while: a window of
// the proof of computing needs the whole machine.
//
// A run's time limit goes on meanwhile, as the chain's does.
type Freezer interface {
	// Freeze holds every program still that this node runs, and lets none begin
	// until Thaw. After an error some may still run, and none begins all the same.
	Freeze(ctx context.Context) error
	// Thaw lets all of them go on, also those that an earlier process froze. It
	// can be repeated. After an error some may be frozen still.
	Thaw(ctx context.Context) error
}

// Gate is what programs pass when they begin. The zero value is open.
type Gate struct {
	mu     sync.Mutex
	opens  chan struct{} // closed when it opens again; nil while it is open
	inside int
	left   chan struct{} // closed when nobody is inside; nil unless somebody waits
}

// Enter waits until the gate is open and holds it open until leave is called,
// which must be done once. Its error is the context's.
func (g *Gate) Enter(ctx context.Context) (leave func(), err error) {
	for {
		g.mu.Lock()
		opens := g.opens
		if opens == nil {
			g.inside++
			g.mu.Unlock()
			return g.leave, nil
		}
		g.mu.Unlock()
		select {
		case <-opens:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (g *Gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside--
	if g.inside == 0 && g.left != nil {
		close(g.left)
		g.left = nil
	}
}

// Shut lets nobody in any more and waits for those who are inside. After an
// error, which is the context's, it is shut all the same.
func (g *Gate) Shut(ctx context.Context) error {
	g.mu.Lock()
	if g.opens == nil {
		g.opens = make(chan struct{})
	}
	if g.inside == 0 {
		g.mu.Unlock()
		return nil
	}
	if g.left == nil {
		g.left = make(chan struct{})
	}
	left := g.left
	g.mu.Unlock()
	select {
	case <-left:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Open lets everybody in again.
func (g *Gate) Open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.opens != nil {
		close(g.opens)
		g.opens = nil
	}
}
