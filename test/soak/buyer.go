package soak

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/edgematrix/emc/test/e2e/rig"
)

// The exit statuses of `emcd job`.
const (
	exitDone     = 0
	exitProgram  = 3
	exitNoResult = 4
	exitForged   = 5
)

// visit is a customer with one order: he comes, is killed, comes back, until
// his command tells him the end.
type visit struct {
	*play
	buyer *buyer
	order rig.Order
	known map[string]bool // his jobs of before
	blows []Blow
	hits  []Blow
	away  time.Duration
	left  time.Time // when he left for good; zero while he is there
	code  int       // of his last command
}

func (p *play) visit() *visit {
	v := &visit{play: p, buyer: p.buyer, blows: p.schedule.Of(Customer), known: map[string]bool{}}
	t := p.schedule.Task
	v.order = rig.Order{
		App: guestApp, AppFile: p.lane.guest, Args: []string{t.Verb, t.Arg}, Output: filepath.Join(p.dir, "out"),
		Flags: []string{"--max-time", t.MaxTime.String(), "--memory", t.Memory, "--max-output", t.MaxOutput, "--worker", p.lane.worker.Address},
	}
	if t.Input > 0 {
		v.order.Inputs = []string{filepath.Join(p.dir, "data.txt")}
	}
	return v
}

// input is what the order's input file holds: letters, so that capitals differ.
func input(t Task) []byte {
	return bytes.Repeat([]byte("abcdefghijklmno\n"), t.Input/16+1)[:t.Input]
}

// whole comes with the order and stays to its end, or until he leaves.
func (v *visit) whole(ctx context.Context) error {
	jobs, err := v.jobs(ctx)
	if err != nil {
		return err
	}
	for _, j := range jobs {
		v.known[j.ID] = true
	}
	if t := v.schedule.Task; t.Input > 0 {
		if err := os.WriteFile(v.order.Inputs[0], input(t), 0o644); err != nil {
			return err
		}
	}
	for {
		hit, err := v.once(ctx)
		switch {
		case err != nil:
			return err
		case hit && v.schedule.Then == Leaves && len(v.blows) == 0:
			v.left = time.Now()
			return v.find(ctx)
		case !hit && v.code != 1:
			return v.told()
		}
		if v.watch.named() == "" {
			if err := v.find(ctx); err != nil {
				return err
			}
		}
		if err := sleep(ctx, 300*time.Millisecond); err != nil {
			return fmt.Errorf("the customer's command never came to an end: %w", err)
		}
	}
}

// once runs one command, the order or its continuation, to its end or until it
// is hit.
func (v *visit) once(ctx context.Context) (hit bool, err error) {
	args := v.buyer.Command("run", v.order)
	if id := v.watch.named(); id != "" {
		args = []string{"job", "attach", id, "--from", v.buyer.Key, "--keyring-backend", "test", "--json", "--home", v.buyer.Net.Home}
	}
	p, err := rig.Launch(filepath.Join(v.dir, "customer.log"), nil, "", v.buyer.Net.Bin.Emcd(), args...)
	if err != nil {
		return false, err
	}
	defer p.Kill()
	v.watch.listen(p)
	for len(v.blows) > 0 && v.watch.until(ctx, v.blows[0].Step, p.Done()) {
		b := v.blows[0]
		select {
		case <-p.Done(): // too late for this one
		case <-time.After(b.After):
		}
		ended, err := v.strike(ctx, p, b)
		if err != nil || ended {
			return ended, err
		}
	}
	select {
	case <-p.Done():
	case <-ctx.Done():
		return false, fmt.Errorf("the customer's command does not end: %w\n%s", ctx.Err(), rig.Tail(p.Output(), 20))
	}
	v.watch.hear() // its last words
	v.code = exitDone
	var exit *exec.ExitError
	if errors.As(p.Err(), &exit) {
		v.code = exit.ExitCode()
	} else if p.Err() != nil {
		return false, p.Err()
	}
	return false, nil
}

// strike hits the customer's command. Gone: it has ended, and the time that he
// stays away is over.
func (v *visit) strike(ctx context.Context, p *rig.Process, b Blow) (gone bool, err error) {
	select {
	case <-p.Done():
		v.blows = v.blows[1:]
		return false, nil
	default:
	}
	v.blows = v.blows[1:]
	v.hits = append(v.hits, b)
	from := time.Now()
	defer func() { v.away += time.Since(from) }()
	switch b.How {
	case Pause:
		p.Pause()
		defer p.Resume()
		return false, sleep(ctx, b.Down)
	case Term:
		// 130 and a signal's status are as good as 0 here: he wanted to go.
		_ = syscall.Kill(p.PID(), syscall.SIGTERM)
		if !ended(p, grace) {
			return false, end("customer's command", p, time.Second)
		}
	default:
		p.Kill()
	}
	v.watch.hear()
	if v.schedule.Then == Leaves && len(v.blows) == 0 {
		return true, nil
	}
	return true, sleep(ctx, b.Down)
}

// told judges what the last command said.
func (v *visit) told() error {
	switch v.code {
	case exitDone, exitProgram, exitNoResult:
		if v.watch.named() == "" {
			return fmt.Errorf("the customer's command ended with %d and named no job", v.code)
		}
		return nil
	case exitForged:
		return errors.New("the customer was told that the worker handed out something else than its receipt names")
	}
	return fmt.Errorf("the customer's command ended with %d", v.code)
}

func (v *visit) jobs(ctx context.Context) (jobs []rig.Job, err error) {
	err = answered(ctx, func() error {
		return v.lane.chain.ask(func(n *rig.Network) error {
			jobs, err = n.CustomerJobs(ctx, v.buyer.Address, 0)
			return err
		})
	})
	return jobs, err
}

// find looks for a job that was submitted by a command that did not live to say
// so. A transaction that is not in one of the next blocks never was in the
// mempool, or died with the chain's process.
func (v *visit) find(ctx context.Context) error {
	if v.watch.named() != "" {
		return nil
	}
	from, found := int64(-1), ""
	err := v.lane.chain.eventually(ctx, 3*time.Minute, "the job is on the chain, or certainly not", func(n *rig.Network) (bool, error) {
		height, err := n.Height(ctx)
		if err != nil {
			return false, err
		}
		if from < 0 {
			from = height
		}
		jobs, err := n.CustomerJobs(ctx, v.buyer.Address, 0)
		if err != nil {
			return false, err
		}
		for _, j := range jobs {
			if !v.known[j.ID] {
				found = j.ID
				return true, nil
			}
		}
		return height > from+6, nil
	})
	if err != nil || found == "" {
		return err
	}
	v.watch.name(found)
	// His own list names the folder of the submission that was cut off.
	for range 10 {
		if _, err = v.buyer.Net.Emcd(ctx, "job", "list", "--from", v.buyer.Key, "--keyring-backend", "test", "--json"); err == nil {
			return nil
		}
		if err := sleep(ctx, time.Second); err != nil {
			return err
		}
	}
	return err
}

// cancel gives the job up at the planned step.
func (v *visit) cancel(ctx context.Context) error {
	if !v.watch.until(ctx, v.schedule.CancelAt, nil) {
		return nil
	}
	if err := sleep(ctx, v.schedule.Delay); err != nil {
		return err
	}
	var err error
	for range 60 {
		if step, over := v.watch.state(); over || step >= ReceiptInBlock {
			return nil
		}
		_, err = v.buyer.Net.Emcd(ctx, "job", "cancel", v.watch.named(), "--from", v.buyer.Key, "--keyring-backend", "test", "--yes")
		if err == nil {
			return nil
		}
		// The customer's own command may hold the folder not yet written, or the chain may be away.
		if err := sleep(ctx, 500*time.Millisecond); err != nil {
			return err
		}
	}
	return fmt.Errorf("the job cannot be cancelled: %w", err)
}

// fetched holds the outputs against what the task makes.
func (v *visit) fetched() error {
	t := v.schedule.Task
	if want := exitProgram; t.Reason != exited || t.ExitCode != 0 {
		if v.code != want {
			return fmt.Errorf("the customer's command ended with %d, expected %d", v.code, want)
		}
	} else if v.code != exitDone {
		return fmt.Errorf("the customer's command ended with %d, expected %d", v.code, exitDone)
	}
	if t.Reason != exited {
		return nil
	}
	want := map[string][]byte{}
	switch t.Verb {
	case "echo":
		want["data.txt"] = bytes.ToUpper(input(t))
	case "exit":
		want["last-words"] = []byte(t.Arg)
	case "spin":
		want["spun"] = []byte(strconv.FormatUint(v.oracle(t.Arg), 10))
	case "files":
		n, _ := strconv.Atoi(t.Arg)
		for i := 1; i < n; i += 2 {
			want[strconv.Itoa(i)] = nil
		}
	}
	got, err := rig.Files(v.order.Output)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for name, content := range want {
		if have, ok := got[name]; !ok || !bytes.Equal(have, content) {
			return fmt.Errorf("output %s is not what the task makes: %d bytes, expected %d", name, len(have), len(content))
		}
	}
	if len(got) != len(want) {
		return fmt.Errorf("%d outputs were fetched, expected %d", len(got), len(want))
	}
	return nil
}
