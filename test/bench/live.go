package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/edgematrix/emc/test/e2e/rig"
)

// liveJobs is how many small jobs are timed, one after the other.
const liveJobs = 20

// liveFigures times small jobs on a running network with 1 s blocks and one
// worker, as a customer sees them.
func liveFigures(bin string) (figures []Figure, err error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	b := rig.Binaries(bin)
	if err := b.Check(); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "emc-bench-live-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	net, err := rig.StartNetwork(ctx, b, filepath.Join(dir, "net"), "")
	if err != nil {
		return nil, err
	}
	defer net.Kill()
	worker := rig.NewWorker(net, filepath.Join(dir, "worker"))
	if err := worker.Up(ctx); err != nil {
		return nil, err
	}
	defer worker.Kill()
	customer, err := rig.NewCustomer(ctx, net, "alice")
	if err != nil {
		return nil, err
	}
	if _, err := customer.RegisterApp(ctx, "charlm", b.Charlm()); err != nil {
		return nil, err
	}
	var running, paid []float64
	for i := range liveJobs + 1 {
		s, err := timeJob(ctx, customer, rig.Order{
			App: "charlm", AppFile: b.Charlm(), Args: []string{"help"}, Flags: []string{"--max-time", "60s"},
			Output: filepath.Join(dir, fmt.Sprint("out", i)),
		}, filepath.Join(dir, "customer.log"))
		if err != nil {
			return nil, fmt.Errorf("job %d: %w", i, err)
		}
		if i == 0 { // brings the app to the worker and compiles it: the image is warm from now on
			continue
		}
		running, paid = append(running, s.running.Seconds()), append(paid, s.paid.Seconds())
		fmt.Printf("  job %2d of %d: running after %.2f s, paid after %.2f s\n", i, liveJobs, s.running.Seconds(), s.paid.Seconds())
	}
	return []Figure{
		{Name: "job.submit_to_running.p50_seconds", Value: median(running), Unit: "s", Goal: "<= 3"},
		{Name: "job.submit_to_paid.p50_seconds", Value: median(paid), Unit: "s", Goal: "-"},
	}, nil
}

type spans struct{ running, paid time.Duration }

// timeJob takes the time from the moment at which the client sends the
// submission.
func timeJob(ctx context.Context, customer rig.Customer, o rig.Order, log string) (s spans, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	p, err := customer.Launch(log, o)
	if err != nil {
		return s, err
	}
	defer p.Kill()
	if _, err := p.WaitLine(ctx, "Submitting"); err != nil {
		return s, err
	}
	sent := time.Now()
	line, err := p.WaitLine(ctx, "Job ")
	if err != nil {
		return s, err
	}
	var id string
	if _, err := fmt.Sscanf(line, "Job %s", &id); err != nil {
		return s, fmt.Errorf("%q: %w", line, err)
	}
	if _, err := customer.Net.WaitJob(ctx, id, time.Minute, rig.Running, rig.Finished, rig.Completed); err != nil {
		return s, err
	}
	s.running = time.Since(sent)
	if _, err := customer.Net.WaitJob(ctx, id, time.Minute, rig.Completed); err != nil {
		return s, err
	}
	s.paid = time.Since(sent)
	select {
	case <-p.Done():
		return s, p.Err()
	case <-ctx.Done():
		return s, ctx.Err()
	}
}
