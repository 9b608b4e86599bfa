package jobclient

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/edgematrix/emc/x/compute/types"
)

// stage is a part of a job's life in which the client has one thing to do.
type stage struct {
	// stays reports whether the job is still in this stage.
	stays func(types.Job) bool
	// changed is told of every new state within the stage; may be nil.
	changed func(types.Job)
	// work ends early when the job leaves the stage. An error of it ends the stage; nil leaves the stage waiting.
	work func(context.Context) error
	// linger is how long work may go on after the job has come to this state.
	linger func(types.Job) time.Duration
}

// during does a stage's work while it watches the chain, and returns the job as soon as it has left the stage. It waits
// no longer than the job's own deadlines, because the chain acts on those by itself.
func (c *Client) during(ctx context.Context, rec *Record, j types.Job, s stage) (types.Job, error) {
	working, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- s.work(working) }()
	finished := false
	defer func() {
		stop()
		if !finished {
			<-done
		}
	}()
	tick := time.NewTicker(c.Poll)
	defer tick.Stop()
	trouble := outage{client: c}
	for {
		result := done
		if finished {
			result = nil
		}
		select {
		case <-ctx.Done():
			return j, ctx.Err()
		case err := <-result:
			finished = true
			if err != nil && ctx.Err() == nil {
				return j, err
			}
		case <-tick.C:
			now, err := c.job(ctx, rec)
			if err := trouble.judge(ctx, err); err != nil {
				return j, err
			}
			if err != nil {
				continue
			}
			if !s.stays(now) {
				if !finished {
					finished = waitFor(ctx, done, s.linger(now))
				}
				return now, nil
			}
			if now.Status != j.Status && s.changed != nil {
				s.changed(now)
			}
			j = now
			if err := c.checkOverdue(ctx, j); err != nil {
				return j, err
			}
		}
	}
}

// waitFor reports whether work ended within the time.
func waitFor(ctx context.Context, done <-chan error, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return false
	case <-done:
		return true
	}
}

// outage tells a chain that does not answer for a moment from one that does not answer at all.
type outage struct {
	client *Client
	since  time.Time
}

// judge returns an error when the trouble is for good.
func (o *outage) judge(ctx context.Context, err error) error {
	switch {
	case err == nil:
		if !o.since.IsZero() {
			o.client.Console.Say("The chain answers again.")
		}
		o.since = time.Time{}
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, ErrNotFound):
		return err
	case o.since.IsZero():
		o.since = o.client.Now()
		o.client.Console.Say("The chain does not answer (%v); trying again.", err)
		return nil
	case o.client.Now().Sub(o.since) > o.client.Grace:
		return fmt.Errorf("the chain has not answered for %s: %w", o.client.Grace, err)
	default:
		return nil
	}
}

// checkOverdue fails when the chain has not acted on a deadline. The clock of this machine only says when to ask: the
// chain's own time decides.
func (c *Client) checkOverdue(ctx context.Context, j types.Job) error {
	if j.Deadline == 0 || c.Now().Before(time.Unix(j.Deadline, 0).Add(c.Grace)) {
		return nil
	}
	block, err := c.Chain.Time(ctx)
	if err != nil {
		return nil //nolint:nilerr // the next look at the job judges an outage
	}
	if c.Now().Sub(block) > c.Grace {
		return fmt.Errorf("the chain has made no block since %s; the job is %s and goes on when the chain does", block.Local().Format("15:04:05"), types.StatusWord(j.Status))
	}
	if block.After(time.Unix(j.Deadline, 0).Add(c.Grace)) {
		return fmt.Errorf("the job has been %s since before its deadline at %s, and the chain has not ended that; ask an operator of the chain", types.StatusWord(j.Status), at(j.Deadline))
	}
	return nil
}
