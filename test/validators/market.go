package validators

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/edgematrix/emc/test/e2e/rig"
)

// marketApp is the id under which the guest program is registered.
const marketApp = "guest"

// Market is a customer and a worker on a network: the customer pays with the key
// of one validator, the worker belongs to another.
type Market struct {
	Customer rig.Customer
	Worker   *rig.Worker
	Money    *rig.Money
	// Guest is the guest program's file.
	Guest string

	dir string
}

// shortWindows shortens x/compute's windows in a genesis: long enough for a busy
// machine, short enough to wait for. What Fill leaves behind is not over before
// the test goes on with it.
func shortWindows(state map[string]any) {
	params := state["compute"].(map[string]any)["params"].(map[string]any)
	for name, seconds := range map[string]int{
		"online_seconds": 120, "acknowledge_seconds": 600, "start_seconds": 30, "acceptance_seconds": 600,
	} {
		if _, ok := params[name]; !ok {
			panic("x/compute has no parameter " + name)
		}
		params[name] = fmt.Sprint(seconds)
	}
}

// NewMarket registers the guest program with the first node's key and brings up
// a worker of the second node's owner, who asks the first.
func NewMarket(ctx context.Context, n *Net, guest string) (*Market, error) {
	first, second := n.Nodes[0], n.Nodes[1]
	m := &Market{Guest: guest, dir: filepath.Join(n.Dir, "market")}
	var err error
	if m.Money, err = rig.NewMoney(ctx, first.Network); err != nil {
		return nil, err
	}
	if m.Customer, err = rig.NewCustomer(ctx, first.Network, first.Name); err != nil {
		return nil, err
	}
	m.Money.Watch(m.Customer.Address)
	if _, err := m.Customer.RegisterApp(ctx, marketApp, guest); err != nil {
		return nil, err
	}
	port, err := n.ports.Range(1)
	if err != nil {
		return nil, err
	}
	m.Worker = rig.NewWorker(first.Network, filepath.Join(m.dir, "worker"))
	for _, args := range [][]string{
		{"init", "--chain-id", n.ChainID, "--rpc", first.RPC, "--slots", "4", "--listen", fmt.Sprintf("/ip4/127.0.0.1/tcp/%d", port)},
		{"register", "--from", second.Name, "--keyring-backend", "test", "--keyring-home", second.Home},
	} {
		if _, err := m.Worker.Run(ctx, args...); err != nil {
			return nil, err
		}
	}
	return m, m.Worker.Start(ctx)
}

// Order is a job for the guest.
func (m *Market) Order(verb, arg string) rig.Order {
	return rig.Order{
		App: marketApp, AppFile: m.Guest, Args: []string{verb, arg}, Output: filepath.Join(m.dir, "out"),
		Flags: []string{"--max-time", "10m", "--memory", "256MiB", "--worker", m.Worker.Address},
	}
}

// Jobs are jobs that stand in different places of their lives: one is paid, one
// has a result that nobody accepted yet, one runs, one waits for its customer to
// bring the inputs. Their ids.
type Jobs struct{ Paid, Finished, Running, Scheduled string }

// Fill makes such jobs. The worker is paused in the end, so that the one that
// runs does so until Worker.Process().Resume.
func (m *Market) Fill(ctx context.Context) (Jobs, error) {
	var jobs Jobs
	sum, _, err := m.Customer.Run(ctx, m.Order("echo", "paid"))
	if err != nil {
		return jobs, err
	}
	jobs.Paid = sum.Job
	if sum, _, err = m.Customer.Submit(ctx, m.Order("echo", "finished")); err != nil {
		return jobs, err
	}
	jobs.Finished = sum.Job
	net := m.Customer.Net
	if _, err := net.WaitJob(ctx, jobs.Finished, 2*time.Minute, rig.Finished); err != nil {
		return jobs, err
	}
	if jobs.Running, err = m.run(ctx); err != nil {
		return jobs, err
	}
	digest := strings.Repeat("5a", 32)
	if _, err := net.Tx(ctx, m.Customer.Key, "compute", "submit-job", marketApp, "--max-seconds", "60", "--max-price", "1emc",
		"--spec-digest", digest, "--inputs-digest", digest, "--access-key", "02"+digest, "--node-address", m.Worker.Address); err != nil {
		return jobs, err
	}
	list, err := net.CustomerJobs(ctx, m.Customer.Address, 0)
	if err != nil {
		return jobs, err
	}
	i := slices.IndexFunc(list, func(j rig.Job) bool { return j.Status == rig.Scheduled })
	if i < 0 {
		return jobs, errors.New("the job without inputs is not among the customer's")
	}
	jobs.Scheduled = list[i].ID
	return jobs, m.Money.Check(ctx)
}

// run starts a job and pauses the worker in the middle of it. How long a program
// takes depends on the machine: one that was over already is followed by a longer one.
func (m *Market) run(ctx context.Context) (id string, err error) {
	for millions := 2_500; ; millions *= 2 {
		sum, _, err := m.Customer.Submit(ctx, m.Order("spin", fmt.Sprint(millions)))
		if err != nil {
			return "", err
		}
		net := m.Customer.Net
		if _, err := net.WaitJob(ctx, sum.Job, 2*time.Minute, rig.Running, rig.Finished); err != nil {
			return "", err
		}
		m.Worker.Process().Pause()
		j, err := net.Job(ctx, sum.Job)
		if err != nil || j.Status == rig.Running {
			return sum.Job, err
		}
		m.Worker.Process().Resume()
		if _, _, err := m.Customer.Attach(ctx, sum.Job); err != nil {
			return "", err
		}
		if millions > 50_000 {
			return "", fmt.Errorf("a program of %d million rounds is over before anybody sees it run", millions)
		}
	}
}

// Finish lets every job of Fill come to its end and checks that it is the right
// one, and that no money is left behind.
func (m *Market) Finish(ctx context.Context, jobs Jobs) error {
	net := m.Customer.Net
	if err := m.Money.Check(ctx); err != nil {
		return err
	}
	if _, err := net.Tx(ctx, m.Customer.Key, "compute", "cancel-job", jobs.Scheduled); err != nil {
		return err
	}
	m.Worker.Process().Resume()
	for _, id := range []string{jobs.Finished, jobs.Running} {
		// It may take a while: the worker has to find the chain again.
		sum, _, err := m.Customer.Attach(ctx, id)
		if err != nil {
			return fmt.Errorf("go on with job %s: %w", id, err)
		}
		if !sum.Verified {
			return fmt.Errorf("the result of job %s is not verified: %+v", id, sum)
		}
	}
	for id, want := range map[string]string{
		jobs.Paid: rig.Completed, jobs.Finished: rig.Completed, jobs.Running: rig.Completed, jobs.Scheduled: rig.Cancelled,
	} {
		j, err := net.WaitClosed(ctx, id, 2*time.Minute)
		if err != nil {
			return err
		}
		if j.Status != want {
			return fmt.Errorf("job %s is %s (%s), expected %s", id, j.Status, j.Reason, want)
		}
	}
	return m.Money.Settled(ctx)
}
