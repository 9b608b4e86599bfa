package soak

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/edgematrix/emc/test/e2e/rig"
)

// Options of a run.
type Options struct {
	Bin   rig.Binaries
	Guest string
	// Dir takes homes and logs, and what is kept of schedules that went wrong.
	Dir string
	// Seed of the first schedule; the others count on from it.
	Seed      uint64
	Schedules int
	Lanes     int
	// Customers of each lane, who take turns.
	Customers int
	// Progress gets a line now and then.
	Progress io.Writer
}

// auditEvery is the pause between two counts of all the money.
const auditEvery = 10 * time.Second

// Run plays the schedules on all lanes, and then holds everything against
// everything. The report is there also with an error, which says that the run
// itself could not go on; broken rules are in the report.
func Run(ctx context.Context, o Options) (*Report, error) {
	begin := time.Now()
	r := newReport(o.Seed, o.Lanes)
	defer func() { r.Seconds = time.Since(begin).Seconds() }()
	path := filepath.Join(o.Dir, "config.yml")
	if err := os.WriteFile(path, []byte(config(o.Lanes, o.Customers)), 0o644); err != nil {
		return r, err
	}
	net, err := rig.StartNetwork(ctx, o.Bin, filepath.Join(o.Dir, "net"), path)
	if err != nil {
		return r, err
	}
	defer net.Kill()
	owner, err := rig.NewCustomer(ctx, net, "owner")
	if err != nil {
		return r, err
	}
	if _, err := owner.RegisterApp(ctx, guestApp, o.Guest); err != nil {
		return r, err
	}
	c, err := newChain(net)
	if err != nil {
		return r, err
	}
	money, err := rig.NewMoney(ctx, c.front)
	if err != nil {
		return r, err
	}
	lanes, err := upLanes(ctx, c, o)
	for _, l := range lanes {
		defer l.worker.Kill()
	}
	if err != nil {
		return r, err
	}
	for _, l := range lanes {
		for _, b := range l.customers {
			money.Watch(b.Address)
		}
	}
	auditing, stop := context.WithCancel(ctx)
	var audits sync.WaitGroup
	audits.Go(func() { audit(auditing, c, money, r, o.Progress) })
	playAll(ctx, o, lanes, r)
	stop()
	audits.Wait()
	return r, finish(ctx, o, c, lanes, money, r)
}

// upLanes brings up the workers, two at a time: each proves itself with a job of its own.
func upLanes(ctx context.Context, c *chain, o Options) ([]*lane, error) {
	lanes, errs := make([]*lane, o.Lanes), make([]error, o.Lanes)
	var group sync.WaitGroup
	turns := make(chan struct{}, 2)
	for i := range o.Lanes {
		group.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			lanes[i], errs[i] = newLane(ctx, c, i, o.Customers, o.Dir, o.Guest)
		})
	}
	group.Wait()
	var up []*lane
	for _, l := range lanes {
		if l != nil {
			up = append(up, l)
		}
	}
	return up, errors.Join(errs...)
}

func playAll(ctx context.Context, o Options, lanes []*lane, r *Report) {
	oracle := newOracle()
	log := &journal{path: filepath.Join(o.Dir, "journal.jsonl")}
	begin := time.Now()
	var next atomic.Int64
	var group sync.WaitGroup
	for _, l := range lanes {
		group.Go(func() {
			if err := l.idle(ctx); err != nil {
				r.wrong(err.Error())
			}
			for {
				i := next.Add(1) - 1
				if i >= int64(o.Schedules) || ctx.Err() != nil {
					return
				}
				one := l.play(ctx, Plan(o.Seed+uint64(i)), oracle.spin, o.Progress)
				done := r.add(one)
				if err := log.add(one); err != nil {
					r.wrong(err.Error())
				}
				if done%10 == 0 {
					fmt.Fprintln(o.Progress, r.progress(o.Schedules, begin))
				}
			}
		})
	}
	group.Wait()
}

// audit counts all the money again and again, at whatever moment.
func audit(ctx context.Context, c *chain, money *rig.Money, r *Report, progress io.Writer) {
	for sleep(ctx, auditEvery) == nil {
		err := c.ask(func(*rig.Network) error { return money.Check(ctx) })
		switch {
		case ctx.Err() != nil || errors.Is(err, rig.ErrNoAnswer): // asked again soon
		case err != nil:
			r.wrong("audit: " + err.Error())
			fmt.Fprintln(progress, "WRONG audit:", err)
		default:
			r.audited()
		}
	}
}
