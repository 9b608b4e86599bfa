package soak

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/edgematrix/emc/test/e2e/rig"
)

// guestApp is the id under which the guest program is registered.
const guestApp = "guest"

// lane is a worker with its customers; it plays one schedule after the other.
type lane struct {
	number    int
	chain     *chain
	dir       string
	guest     string
	worker    *rig.Worker
	till      *book
	customers []*buyer
	turn      int // whose turn it is
	// paid and jobs are what the worker should have noted of its earnings.
	paid int64
	jobs int64
	// unheard are those of them that were placed and cancelled while the worker was
	// away. It may never hear of them: the chain lists a node's open jobs only.
	unheardJobs int64
	// completed are the jobs that the chain should count for the worker.
	completed int64
}

// buyer is a customer and his book.
type buyer struct {
	rig.Customer
	purse *book
}

// newLane brings up a worker.
func newLane(ctx context.Context, c *chain, number, customers int, dir, guest string) (*lane, error) {
	l := &lane{number: number, chain: c, dir: dir, guest: guest}
	l.worker = rig.NewWorker(c.front, filepath.Join(dir, fmt.Sprintf("worker%02d", number)))
	if err := l.worker.Up(ctx, "--price", workerPrice); err != nil {
		return nil, fmt.Errorf("worker %d: %w", number, err)
	}
	var err error
	if l.till, err = openBook(ctx, c, l.worker.Operator); err != nil {
		return l, err
	}
	for i := range customers {
		b := &buyer{}
		if b.Customer, err = rig.NewCustomer(ctx, c.front, customerKey(number, i)); err != nil {
			return l, err
		}
		if b.purse, err = openBook(ctx, c, b.Address); err != nil {
			return l, err
		}
		l.customers = append(l.customers, b)
	}
	return l, nil
}

// next is the customer whose turn it is.
func (l *lane) next() *buyer {
	l.turn++
	return l.customers[l.turn%len(l.customers)]
}

// idle waits until the chain would give the worker a job.
func (l *lane) idle(ctx context.Context) error {
	return l.chain.eventually(ctx, 3*time.Minute, "the node takes work", func(n *rig.Network) (bool, error) {
		node, err := n.Node(ctx, l.worker.Address)
		if err == nil && node.ReservedSlots != 0 {
			err = fmt.Errorf("%d slots are reserved", node.ReservedSlots)
		}
		return err == nil && node.Online && node.Unavailable == "", errors.Join(err, errors.New(node.Unavailable))
	})
}

// alive tells whether the daemon runs.
func (l *lane) alive() bool {
	select {
	case <-l.worker.Process().Done():
		return false
	default:
		return true
	}
}

// strike takes the worker away and brings it back. It returns how often it was
// hit, and how long it was away.
func (l *lane) strike(ctx context.Context, b Blow) (hits int, away time.Duration, err error) {
	from := time.Now()
	hits = 1
	switch b.How {
	case Pause:
		l.worker.Process().Pause()
		err := sleep(ctx, b.Down)
		l.worker.Process().Resume()
		return hits, time.Since(from), err
	case Term:
		if err := end("worker", l.worker.Process(), grace); err != nil {
			return hits, time.Since(from), err
		}
	default:
		l.worker.Kill()
	}
	if err := sleep(ctx, b.Down); err != nil {
		return hits, time.Since(from), err
	}
	if b.Stumble > 0 {
		brief, cancel := context.WithTimeout(ctx, b.Stumble)
		err := l.worker.Start(brief)
		if cancelled := brief.Err() != nil; err != nil && cancelled {
			hits++
		} else if err != nil {
			cancel()
			return hits, time.Since(from), err
		}
		cancel()
		if hits == 1 {
			return hits, time.Since(from), nil
		}
	}
	err = l.worker.Start(ctx)
	return hits, time.Since(from), err
}

// leftovers are the processes that still run in the worker's folder: children
// of a daemon that is dead, or of a job that is over. The daemon itself stands
// elsewhere.
func (l *lane) leftovers() (out []string) {
	folders, _ := filepath.Glob("/proc/[0-9]*")
	for _, p := range folders {
		at, err := os.Readlink(filepath.Join(p, "cwd"))
		if err == nil && strings.HasPrefix(at, l.worker.Home+"/") {
			words, _ := os.ReadFile(filepath.Join(p, "cmdline"))
			out = append(out, fmt.Sprintf("process %s in %s: %q", filepath.Base(p), at, words))
		}
	}
	return out
}

// clean waits until nothing of a job is left over.
func (l *lane) clean(ctx context.Context) error {
	var left []string
	err := rig.Eventually(ctx, 30*time.Second, "no process is left over", func() (bool, error) {
		left = l.leftovers()
		return len(left) == 0, nil
	})
	if err != nil {
		return fmt.Errorf("%w: %s", err, strings.Join(left, "; "))
	}
	return nil
}

// started makes sure that the daemon runs, whatever happened.
func (l *lane) started(ctx context.Context) error {
	if l.alive() {
		return nil
	}
	return l.worker.Start(ctx)
}
