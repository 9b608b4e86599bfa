package validators

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/test/e2e/rig"
)

const (
	// guestApp is the id of the program that the customers send.
	guestApp = "guest"
	// operatorKey owns the worker, the others are customers: the free money of
	// the validators, whose keys the network has anyway.
	operatorKey = "node0"
	// slotHour is the worker's price: a second costs twice the least that a job pays.
	slotHour = "36emc"
	// minFee is that least, in uemc, by x/compute's default parameters.
	minFee = 5_000
	// patience bounds what should take seconds, on a machine that is busy.
	patience = 2 * time.Minute
)

// trade is what goes on while validators fail: customers who order without a
// pause, one worker, and everybody's books.
type trade struct {
	*testing.T
	net *Net
	// desk is a node that is nobody's validator and stays up: the customers and
	// the books ask it.
	desk  *Node
	guest string

	worker    *rig.Worker
	till      rig.Account
	money     *rig.Money
	customers []*customer
	// done counts the orders that came to a good end.
	done    atomic.Int64
	closing atomic.Bool
	busy    sync.WaitGroup
}

// customer orders one job after the other.
type customer struct {
	rig.Customer
	purse rig.Account
	// verb and arg are what the jobs do.
	verb, arg string

	mu      sync.Mutex
	orders  []rig.Summary
	problem error
}

// opened starts the trade on a network: the worker asks the first validator and
// no other, the customers ask the desk.
func opened(t *testing.T, net *Net, desk *Node) *trade {
	t.Helper()
	tr := &trade{T: t, net: net, desk: desk, guest: filepath.Join(t.TempDir(), "guest.wasm")}
	require.NoError(t, rig.BuildGuest(t.Context(), root, tr.guest, "./test/e2e/guest"))

	// The long jobs are there to be caught by a fault in the middle, the short
	// ones to show that all of a job's steps still happen.
	for i, does := range [][2]string{{"spin", "300"}, {"echo", "good morning"}} {
		key := fmt.Sprintf("node%d", i+1)
		home := net.Nodes[i+1].Home
		require.NoError(t, Settings{"node": desk.RPC}.apply(filepath.Join(home, "config", "client.toml")))
		who, err := rig.NewCustomer(t.Context(), rig.Connect(binaries, home, desk.Info), key)
		require.NoError(t, err)
		tr.customers = append(tr.customers, &customer{Customer: who, verb: does[0], arg: does[1]})
	}
	_, err := tr.customers[0].RegisterApp(t.Context(), guestApp, tr.guest)
	require.NoError(t, err)
	tr.money, err = rig.NewMoney(t.Context(), desk.Network)
	require.NoError(t, err)
	tr.hire()
	for _, c := range tr.customers {
		c.purse, err = desk.Open(t.Context(), c.Address)
		require.NoError(t, err)
		tr.money.Watch(c.Address)
	}
	tr.begin()
	return tr
}

// hire brings up the worker.
func (tr *trade) hire() {
	tr.Helper()
	own := tr.net.Nodes[0]
	raw, err := json.Marshal(own.Info) // what `up` wants of a network is in localnet.json
	require.NoError(tr, err)
	require.NoError(tr, os.WriteFile(filepath.Join(own.Home, "localnet.json"), raw, 0o600))
	tr.worker = rig.NewWorker(own.Network, filepath.Join(tr.TempDir(), "worker"))
	tr.Cleanup(func() {
		tr.worker.Kill()
		if tr.Failed() {
			tr.Logf("the worker said:\n%s", rig.Tail(tr.worker.Log(), 80))
		}
	})
	require.NoError(tr, tr.worker.Up(tr.Context(), "--slots", "2", "--price", slotHour, "--from", operatorKey, "--keyring-backend", "test", "--keyring-home", own.Home))
	tr.till, err = tr.desk.Open(tr.Context(), tr.worker.Operator)
	require.NoError(tr, err)
}

// begin lets the customers order until finish.
func (tr *trade) begin() {
	outputs := tr.TempDir()
	for _, c := range tr.customers {
		tr.busy.Go(func() {
			for i := 0; !tr.closing.Load(); i++ {
				summary, _, err := c.Run(tr.Context(), rig.Order{
					App: guestApp, AppFile: tr.guest, Args: []string{c.verb, c.arg}, Output: filepath.Join(outputs, fmt.Sprintf("%s-%d", c.Key, i)),
					Flags: []string{"--node", tr.desk.RPC, "--max-time", "90s", "--memory", "128MiB"},
				})
				c.mu.Lock()
				c.orders, c.problem = append(c.orders, summary), err
				c.mu.Unlock()
				if err != nil {
					return
				}
				tr.done.Add(1)
			}
		})
	}
	tr.Cleanup(tr.busy.Wait)
}

// well tells which customer's order failed, if one did.
func (tr *trade) well() error {
	for _, c := range tr.customers {
		c.mu.Lock()
		number, err := len(c.orders), c.problem
		c.mu.Unlock()
		if err != nil {
			return fmt.Errorf("order %d of %s: %w", number, c.Key, err)
		}
	}
	return nil
}

// eventually waits for a condition; an order that fails ends the waiting.
func (tr *trade) eventually(what string, condition func() (bool, error)) {
	tr.Helper()
	err := rig.Eventually(tr.Context(), patience, what, func() (bool, error) {
		ok, err := condition()
		return ok || tr.well() != nil, err
	})
	require.NoError(tr, errors.Join(tr.well(), err))
}

// running waits until the chain shows a job in the middle of its run.
func (tr *trade) running() {
	tr.Helper()
	tr.eventually("a job runs", func() (bool, error) {
		jobs, err := tr.open()
		return slices.ContainsFunc(jobs, func(j rig.Job) bool { return j.Status == rig.Running }), err
	})
}

// open are the jobs that are not closed.
func (tr *trade) open() (out []rig.Job, err error) {
	for _, c := range tr.customers {
		jobs, err := tr.desk.CustomerJobs(tr.Context(), c.Address, 0)
		if err != nil {
			return nil, err
		}
		out = append(out, slices.DeleteFunc(jobs, rig.Job.Closed)...)
	}
	return out, nil
}

// exceeds waits until more orders are done than there were.
func (tr *trade) exceeds(were int64) {
	tr.Helper()
	tr.eventually("a job more is done", func() (bool, error) { return tr.done.Load() > were, nil })
}

// check counts the money at one height.
func (tr *trade) check() {
	tr.Helper()
	require.NoError(tr, tr.money.Check(tr.Context()))
}

// finish lets every customer end the order that is on its way, and holds all
// books against the jobs: each completed, verified and paid once, to the uemc.
func (tr *trade) finish() {
	tr.Helper()
	tr.closing.Store(true)
	tr.busy.Wait()
	require.NoError(tr, tr.well())
	var earned int64
	for _, c := range tr.customers {
		jobs, err := tr.desk.CustomerJobs(tr.Context(), c.Address, 0)
		require.NoError(tr, err)
		require.Len(tr, jobs, len(c.orders), "every job that %s paid for is one that he ordered", c.Key)
		byID := map[string]rig.Job{}
		for _, j := range jobs {
			byID[j.ID] = j
		}
		var paid int64
		for _, order := range c.orders {
			j, ok := byID[order.Job]
			require.True(tr, ok, "job %s is lost", order.Job)
			require.Equal(tr, rig.Completed, j.Status, j.Reason)
			require.True(tr, order.Verified, "the outputs of %s are the receipt's", j.ID)
			require.Equal(tr, tr.worker.Address, j.Node)
			require.EqualValues(tr, bill(j), j.Paid.Amount, "job %s", j.ID)
			require.Equal(tr, order.Price, fmt.Sprintf("%duemc", j.Paid.Amount), "the customer was told what he paid")
			paid += int64(j.Paid.Amount)
		}
		require.NoError(tr, tr.desk.Expect(tr.Context(), c.purse, -paid), "the books of %s", c.Key)
		earned += paid
	}
	require.NoError(tr, tr.desk.Expect(tr.Context(), tr.till, earned), "the operator's books")
	require.NoError(tr, tr.money.Settled(tr.Context()))
	node, err := tr.desk.Node(tr.Context(), tr.worker.Address)
	require.NoError(tr, err)
	require.EqualValues(tr, tr.done.Load(), node.Reputation.Completed)
	require.Zero(tr, node.Reputation.Failed+node.Reputation.Missed)
	tr.Logf("%d jobs for %d uemc", tr.done.Load(), earned)
}

// bill is what a job that was brought to its end costs, in uemc: the begun
// seconds that its program ran, but no more than the chain saw.
func bill(j rig.Job) rig.Int {
	seconds := min((j.Receipt.Usage.WallMillis+999)/1000, j.FinishedAt-j.StartedAt, j.MaxSeconds)
	return min(max(j.SlotHourPrice.Amount*seconds/3600, minFee), j.MaxPrice.Amount)
}
