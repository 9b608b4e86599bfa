package service

import (
	"errors"
	"io"
	"sync"
	"time"
)

// Faults of an app's answer.
var (
	errSlow    = errors.New("it says nothing for too long")
	errEndless = errors.New("its answer is longer than it may be")
	errNoHTTP  = errors.New("what it says is no HTTP answer")
	errUnasked = errors.New("it said something without being asked")
	errUnread  = errors.New("it answered without reading the request")
)

// patience ends a wait that brings nothing. While the node proves, programs stand
// still: that time does not count.
type patience struct {
	held  func() bool
	abort func() // ends what is waited for

	mu    sync.Mutex
	spent bool
}

// wait does something that may take so long.
func (p *patience) wait(limit time.Duration, do func()) {
	over := false
	var timer *time.Timer
	p.mu.Lock()
	timer = time.AfterFunc(limit, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		switch {
		case over:
		case p.held():
			timer.Reset(limit)
		default:
			p.spent = true
			p.abort()
		}
	})
	p.mu.Unlock()
	do()
	p.mu.Lock()
	defer p.mu.Unlock()
	over = true
	timer.Stop()
}

func (p *patience) isSpent() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.spent
}

// bounded reads so much from an app, with patience for each read where it has a limit.
type bounded struct {
	from  io.Reader
	left  int64
	limit time.Duration
	*patience
}

// Read implements io.Reader.
func (b *bounded) Read(p []byte) (n int, err error) {
	if b.left <= 0 {
		return 0, errEndless
	}
	p = p[:min(int64(len(p)), b.left)]
	if b.limit == 0 { // nothing is expected
		n, err = b.from.Read(p)
	} else {
		b.wait(b.limit, func() { n, err = b.from.Read(p) })
	}
	b.left -= int64(n)
	return n, err
}
