package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/test/e2e/rig"
)

// patience bounds every wait for something that ought to happen soon: a machine
// may be very busy, and a test that fails takes its time.
const patience = 3 * time.Minute

// site is a network that tests may share: each brings its own customers and
// workers, and names its worker in every job.
type site struct {
	net   *rig.Network
	money *rig.Money
	dir   string
	next  atomic.Int32
}

func newSite(ctx context.Context, dir string) (*site, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "config.yml")
	if err := os.WriteFile(path, []byte(config()), 0o644); err != nil {
		return nil, err
	}
	net, err := rig.StartNetwork(ctx, binaries, filepath.Join(dir, "net"), path)
	if err != nil {
		return nil, err
	}
	s := &site{net: net, dir: dir}
	if s.money, err = rig.NewMoney(ctx, net); err == nil {
		var owner rig.Customer
		owner, err = rig.NewCustomer(ctx, net, "owner")
		for _, p := range []program{wasm, docker} {
			if err == nil {
				_, err = owner.RegisterFor(ctx, p.runtime, p.app, p.file)
			}
		}
	}
	if err != nil {
		net.Kill()
		return nil, err
	}
	return s, nil
}

// stage is one test's customer, with the books of everybody on it.
type stage struct {
	*testing.T
	*site
	// program is what the customer runs, engine where its containers run.
	program  program
	engine   *rig.Engine
	ctx      context.Context
	customer rig.Customer
	purse    rig.Account
	workers  []*rig.Worker
	tills    map[string]rig.Account // by operator
}

// newStage gives a test a customer of its own on a network, who runs wasm.
func newStage(t *testing.T, on *site) *stage {
	t.Helper()
	s := &stage{T: t, site: on, program: wasm, engine: engine, ctx: t.Context(), tills: map[string]rig.Account{}}
	i := on.next.Add(1) - 1
	require.Less(t, int(i), customers, "the network has no further customer; raise the constant")
	var err error
	s.customer, err = rig.NewCustomer(s.ctx, on.net, customerKey(int(i)))
	require.NoError(t, err)
	s.purse, err = on.net.Open(s.ctx, s.customer.Address)
	require.NoError(t, err)
	on.money.Watch(s.customer.Address)
	return s
}

// in is the stage for a test's part, which fails by itself.
func (s *stage) in(t *testing.T) *stage {
	part := *s
	part.T = t
	return &part
}

// own gives a test a network of its own.
func own(t *testing.T) *stage {
	t.Helper()
	on, err := newSite(t.Context(), filepath.Join(t.TempDir(), "own"))
	require.NoError(t, err)
	t.Cleanup(func() {
		on.net.Kill()
		if t.Failed() {
			t.Logf("the network said:\n%s", rig.Tail(on.net.Process().Output(), 40))
		}
	})
	return newStage(t, on)
}

// worker brings up a worker of the test's own.
func (s *stage) worker(flags ...string) *rig.Worker {
	s.Helper()
	w := s.home(fmt.Sprintf("worker%d", len(s.workers)))
	s.up(w, flags...)
	return w
}

// up brings a worker from nothing to ready and opens its operator's books.
func (s *stage) up(w *rig.Worker, flags ...string) {
	s.Helper()
	require.NoError(s, w.Up(s.ctx, append(s.program.serving(), flags...)...))
	till, err := s.net.Open(s.ctx, w.Operator)
	require.NoError(s, err)
	s.tills[w.Operator] = till
}

// home names a worker's home, whose daemon dies with the test.
func (s *stage) home(name string) *rig.Worker {
	w := rig.NewWorker(s.net, filepath.Join(s.TempDir(), name))
	s.workers = append(s.workers, w)
	s.Cleanup(func() {
		w.Kill()
		if s.program == docker && s.Failed() { // nobody else will
			if err := s.engine.Purge(context.Background(), rig.OwnerLabel+"="+w.Address); err != nil {
				s.Logf("%s leaves something in the Engine: %v", name, err)
			}
		}
		if s.Failed() {
			s.Logf("%s said:\n%s", name, rig.Tail(w.Log(), 60))
		}
	})
	return w
}

// order is a job for the guest on a worker; nil takes whoever is cheapest.
func (s *stage) order(on *rig.Worker, verb, arg string, flags ...string) rig.Order {
	o := rig.Order{
		App: s.program.app, AppFile: s.program.file, Args: []string{verb, arg}, Output: filepath.Join(s.TempDir(), "out"),
		Flags: append([]string{"--max-time", "3m", "--memory", "256MiB"}, flags...),
	}
	if on != nil {
		o.Flags = append(o.Flags, "--worker", on.Address)
	}
	return o
}

// input adds a file to an order.
func (s *stage) input(o rig.Order, name string, content []byte) rig.Order {
	s.Helper()
	path := filepath.Join(s.TempDir(), name)
	require.NoError(s, os.WriteFile(path, content, 0o644))
	o.Inputs = append(o.Inputs, path)
	return o
}

// check counts the money.
func (s *stage) check() {
	s.Helper()
	require.NoError(s, s.money.Check(s.ctx))
}

// settle waits until every job of the customer is closed, and holds everybody's
// books against them: nothing was paid twice, nothing was lost.
func (s *stage) settle() {
	s.Helper()
	var jobs []rig.Job
	require.NoError(s, rig.Eventually(s.ctx, patience, "every job is closed", func() (bool, error) {
		var err error
		if jobs, err = s.net.CustomerJobs(s.ctx, s.customer.Address, 0); err != nil {
			return false, err
		}
		for _, j := range jobs {
			if !j.Closed() {
				return false, fmt.Errorf("job %s is %s", j.ID, j.Word())
			}
		}
		return true, nil
	}))
	var paid int64
	earned := map[string]int64{}
	for _, j := range jobs {
		paid += int64(j.Paid.Amount)
		earned[j.Operator] += int64(j.Paid.Amount)
	}
	s.check()
	require.NoError(s, s.net.Expect(s.ctx, s.purse, -paid), "the customer's books")
	for operator, till := range s.tills {
		require.NoError(s, s.net.Expect(s.ctx, till, earned[operator]), "the operator's books")
	}
	s.tidyUp()
}

// launched starts `emcd job run` beside the test and waits for the job's id.
func (s *stage) launched(o rig.Order) (*rig.Process, string) {
	s.Helper()
	p, err := s.customer.Launch(filepath.Join(s.TempDir(), "customer.log"), o)
	require.NoError(s, err)
	s.Cleanup(func() {
		p.Kill()
		if s.Failed() {
			s.Logf("the customer's command said:\n%s", rig.Tail(p.Output(), 30))
		}
	})
	ctx, cancel := context.WithTimeout(s.ctx, patience)
	defer cancel()
	line, err := p.WaitLine(ctx, "Job ")
	require.NoError(s, err)
	return p, strings.Fields(line)[1]
}

// said waits for a line of a program.
func (s *stage) said(p *rig.Process, prefix string) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.ctx, patience)
	defer cancel()
	_, err := p.WaitLine(ctx, prefix)
	require.NoError(s, err)
}

// ended waits for a program's end.
func (s *stage) ended(p *rig.Process) error {
	s.Helper()
	select {
	case <-p.Done():
		return p.Err()
	case <-time.After(patience):
		s.Fatalf("it does not end:\n%s", rig.Tail(p.Output(), 30))
		return nil
	}
}
