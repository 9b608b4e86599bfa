package dispatch

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
	"github.com/edgematrix/emc/pkg/session/call"
)

const (
	mostPays  = 32 // at once
	mostFails = 8  // in a row; then a lane pays with its next call
	payWait   = 30 * time.Second
)

// owes tells whether there is something to tell the node: money, or which calls were
// lost. A call that was lost holds its price of the allotment until the node was asked.
func (l *lane) owes() bool {
	s := l.Standing()
	return s.Why == "" && (s.Owed() > 0 || s.Orphans > 0)
}

// settle closes streams that rested for long, pays what lanes owe that rest, and drops
// lanes that nothing is left of.
func (d *Dispatch) settle(ctx context.Context) {
	now := time.Now()
	var old []resting
	var rest []*lane
	d.lanes.mu.Lock()
	for _, l := range d.lanes.open {
		old = append(old, d.lanes.older(l, now.Add(-d.cfg.Idle))...)
		if l.users == 0 && !l.paying && now.Sub(l.used) >= d.cfg.SettleAge && !now.Before(l.again) {
			rest = append(rest, l)
		}
	}
	d.lanes.mu.Unlock()
	shut(old)
	for _, l := range rest { // without the lock: a lane may be waiting for the disk
		if l.failed < mostFails && l.owes() {
			d.begin(ctx, l)
		} else {
			d.drop(l, now)
		}
	}
}

// drop forgets a lane that nobody used for long.
func (d *Dispatch) drop(l *lane, now time.Time) {
	d.lanes.mu.Lock()
	defer d.lanes.mu.Unlock()
	if l.users == 0 && !l.paying && len(l.idle) == 0 && now.Sub(l.used) >= d.cfg.Idle && d.lanes.open[l.ID()] == l {
		delete(d.lanes.open, l.ID())
	}
}

// begin begins a payment, unless enough are on their way.
func (d *Dispatch) begin(ctx context.Context, l *lane) {
	d.lanes.mu.Lock()
	defer d.lanes.mu.Unlock()
	if l.paying || d.lanes.paying >= mostPays {
		return
	}
	l.paying = true
	d.lanes.paying++
	d.pays.Go(func() {
		err := d.pay(ctx, l)
		d.lanes.mu.Lock()
		defer d.lanes.mu.Unlock()
		l.paying = false
		d.lanes.paying--
		l.judge(err, d.cfg.SettleAge)
	})
}

// judge puts a payment that failed off, for twice as long each time.
func (l *lane) judge(err error, wait time.Duration) {
	if err == nil {
		l.failed, l.again = 0, time.Time{}
		return
	}
	l.again = time.Now().Add(wait << l.failed)
	switch {
	case errors.Is(err, session.ErrSealed), errors.Is(err, session.ErrSession):
		l.failed = mostFails // nothing is co-signed there any more
	case errors.Is(err, session.ErrCosign):
		// Its router is away, as it may be for hours: the node gets what it is owed when it is back.
	default:
		l.failed++
	}
}

// pay brings a node what it is owed, and asks it what became of calls that were lost.
func (d *Dispatch) pay(ctx context.Context, l *lane) error {
	ctx, cancel := context.WithTimeout(ctx, payWait)
	defer cancel()
	for {
		c, rested, err := d.client(ctx, l)
		if err != nil {
			return err
		}
		err = c.Settle(ctx)
		if errors.Is(err, session.ErrCosign) || !errors.Is(err, call.ErrStream) {
			d.rest(l, c)
		} else {
			_ = c.Close()
			d.broke(l)
			if rested && ctx.Err() == nil {
				continue
			}
		}
		if err != nil && !errors.Is(err, session.ErrCosign) { // who co-signs tells when it does not
			d.cfg.Logger.Info("a lane could not be settled", "node", l.node(), "error", err)
		}
		return err
	}
}

// payAll pays what can be paid at once, before the router stops: it does not know
// what it owes in a lane until it calls there again.
func (d *Dispatch) payAll(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, d.cfg.Drain)
	defer cancel()
	var group sync.WaitGroup
	defer group.Wait()
	turns := make(chan struct{}, mostPays)
	for _, l := range d.lanes.all(func(receipt.Lane) bool { return true }) {
		if !l.owes() {
			continue
		}
		select {
		case turns <- struct{}{}:
		case <-ctx.Done():
			return
		}
		group.Go(func() {
			defer func() { <-turns }()
			_ = d.pay(ctx, l) // pay logs it
		})
	}
}

// reclaim asks the nodes of a session's lanes what became of calls that were lost, and
// tells whether any answered: their prices were held of the allotment.
func (d *Dispatch) reclaim(ctx context.Context, id receipt.SessionID) (some bool) {
	ctx, cancel := context.WithTimeout(ctx, d.cfg.Dial)
	defer cancel()
	for _, l := range d.lanes.all(func(key receipt.Lane) bool { return key.Session == id }) {
		if l.Standing().Orphans == 0 || !l.owes() {
			continue
		}
		// What was lost is known before anything is paid: a router that is away changes nothing of it.
		if err := d.pay(ctx, l); err == nil || errors.Is(err, session.ErrCosign) {
			some = true
		}
	}
	return some
}

func (l *lanes) all(which func(receipt.Lane) bool) []*lane {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []*lane
	for key, each := range l.open {
		if which(key) {
			out = append(out, each)
		}
	}
	return out
}
