package keeper_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/x/compute/types"
)

const socket = "socket/1"

// submitOut submits a job out of a promise of its node.
func (f *fixture) submitOut(m *types.MsgSubmitJob, deal types.Deal) (*types.MsgSubmitJobResponse, error) {
	f.t.Helper()
	return atomically(f, func(ctx sdk.Context) (*types.MsgSubmitJobResponse, error) { return f.k.SubmitJobFor(ctx, m, deal) })
}

// held is what a promise holds: slots, power, and the jobs that run out of it.
func (f *fixture) held(node, name string) [3]uint64 {
	f.t.Helper()
	r := f.reserved(node, name)
	if r == nil {
		return [3]uint64{}
	}
	return [3]uint64{uint64(r.Slots), r.Power, uint64(r.Jobs)}
}

// totals are the node's promised slots and power.
func (f *fixture) totals(node string) [2]uint64 {
	n := f.load(node)
	return [2]uint64{uint64(n.ReservedSlots), n.ReservedPower}
}

// socketed is a market whose node has promised both slots and 10 micro-E to a
// socket, at a price of its own. Another node is cheaper and free.
func socketed(t *testing.T) (f *fixture, operator, customer sdk.AccAddress, m *types.MsgSubmitJob, deal types.Deal) {
	t.Helper()
	f, operator, customer, node := market(t)
	f.power(node, 10)
	require.NoError(t, f.setReservation(node, promise(socket, 2, 10, 0)))
	f.power(f.node(2, operator, offer(100)), 1_000_000)
	m = submission(customer)
	m.Node = node
	return f, operator, customer, m, types.Deal{Payer: f.deal(), Source: socket, SlotHourPrice: coin(360_000)}
}

// Whichever way a job ends, its slot and power go back where they came from.
func TestJobOutOfAPromise(t *testing.T) {
	for _, tc := range []struct {
		name   string
		end    func(f *fixture, customer sdk.AccAddress, node, job string)
		status types.JobStatus
		paid   int64
	}{
		{"success - accepted", func(f *fixture, customer sdk.AccAddress, node, job string) {
			require.NoError(f.t, f.acknowledge(node, job, true))
			require.NoError(f.t, f.start(node, job))
			f.pass(100)
			require.NoError(f.t, f.finish(node, job, receipt(90)))
			require.Equal(f.t, [3]uint64{2, 10, 0}, f.held(node, socket), "free from the receipt on")
			require.NoError(f.t, f.accept(customer.String(), job))
		}, types.JOB_STATUS_COMPLETED, 9_000},
		{"success - cancelled", func(f *fixture, customer sdk.AccAddress, _, job string) {
			require.NoError(f.t, f.cancel(customer.String(), job))
		}, types.JOB_STATUS_CANCELLED, 2_500},
		{"success - never acknowledged", func(f *fixture, _ sdk.AccAddress, _, _ string) { f.pass(60) }, types.JOB_STATUS_FAILED, 0},
		{"success - never started", func(f *fixture, _ sdk.AccAddress, node, job string) {
			require.NoError(f.t, f.acknowledge(node, job, true))
			f.pass(120)
		}, types.JOB_STATUS_FAILED, 0},
		{"success - declined", func(f *fixture, _ sdk.AccAddress, node, job string) {
			_, err := f.msg.DeclineJob(f.ctx, &types.MsgDeclineJob{Node: node, Job: job, Reason: "no"})
			require.NoError(f.t, err)
		}, types.JOB_STATUS_FAILED, 0},
		{"success - never fed", func(f *fixture, _ sdk.AccAddress, node, job string) {
			require.NoError(f.t, f.acknowledge(node, job, false))
			f.pass(1800)
		}, types.JOB_STATUS_EXPIRED, 2_500},
		{"success - no receipt", func(f *fixture, _ sdk.AccAddress, node, job string) {
			require.NoError(f.t, f.acknowledge(node, job, true))
			require.NoError(f.t, f.start(node, job))
			f.pass(900)
		}, types.JOB_STATUS_FAILED, 0},
		{"success - the worker failed", func(f *fixture, _ sdk.AccAddress, node, job string) {
			require.NoError(f.t, f.acknowledge(node, job, true))
			require.NoError(f.t, f.start(node, job))
			r := receipt(1)
			r.Reason = types.EXIT_REASON_WORKER
			require.NoError(f.t, f.finish(node, job, r))
		}, types.JOB_STATUS_FAILED, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f, _, customer, m, deal := socketed(t)
			m.Requirements.MinSlotPower = 5
			res, err := f.submitOut(m, deal)
			require.NoError(t, err)
			require.Equal(t, m.Node, res.Node)
			require.Equal(t, coin(360_000), res.SlotHourPrice)
			require.Equal(t, [3]uint64{1, 5, 1}, f.held(m.Node, socket))
			require.Equal(t, [3]uint64{1, 5, 0}, f.held(m.Node, types.JobPromise(res.Job)))
			require.Equal(t, [2]uint64{2, 10}, f.totals(m.Node))
			shown, err := f.query.Job(f.ctx, &types.QueryJobRequest{Job: res.Job})
			require.NoError(t, err)
			require.Equal(t, socket, shown.Job.Source)

			tc.end(f, customer, m.Node, res.Job)
			j := f.job(res.Job)
			require.Equal(t, tc.status, j.Status)
			require.Equal(t, m.Node, j.Node, "it never moves, though another node is cheaper and free")
			require.NotContains(t, j.Reason, "was tried already", "no other node is looked for")
			require.Equal(t, coin(tc.paid), j.Paid)
			require.Equal(t, socket, f.hooks.closed[0].Source, "the source's module is told")
			require.Equal(t, [3]uint64{2, 10, 0}, f.held(m.Node, socket))
			require.Nil(t, f.reserved(m.Node, types.JobPromise(res.Job)))
			require.Equal(t, [2]uint64{2, 10}, f.totals(m.Node))
		})
	}
}

// A node with a free slot of its own keeps its turn, and the free slot stays free.
func TestJobOutOfAPromiseLeavesTheQueueAlone(t *testing.T) {
	f, _, customer, m, deal := socketed(t)
	require.NoError(t, f.setReservation(m.Node, promise(socket, 1, 10, 0)))
	before := f.load(m.Node)
	f.block(5)
	res, err := f.submitOut(m, deal)
	require.NoError(t, err)
	require.Equal(t, before, f.load(m.Node), "nothing of the node changes")
	f.block(5)
	require.NoError(t, f.cancel(customer.String(), res.Job))
	require.Equal(t, before, f.load(m.Node))
	deal.SlotHourPrice = sdk.Coin{}
	res, err = f.submitOut(m, deal)
	require.NoError(t, err)
	require.Equal(t, coin(3_600_000), res.SlotHourPrice, "the offer's")
	require.NoError(t, f.cancel(customer.String(), res.Job))
	deal.SlotHourPrice = coin(0)
	m.MaxPrice = coin(5_000)
	res, err = f.submitOut(m, deal)
	require.NoError(t, err, "the maximum price is compared with the agreed one")
	require.Equal(t, coin(0), res.SlotHourPrice, "paid for already")
}

// Shares add up to the last micro-E, in whatever order they come back.
func TestSharesOfAPromise(t *testing.T) {
	for _, order := range [][]int{{0, 1, 2}, {2, 1, 0}, {1, 2, 0}} {
		f, operator, customer, m, deal := socketed(t)
		o := offer(3_600_000)
		o.Slots = 4
		_, err := f.msg.UpdateNode(f.ctx, &types.MsgUpdateNode{Operator: operator.String(), Node: m.Node, Offer: o})
		require.NoError(t, err)
		require.NoError(t, f.setReservation(m.Node, promise(socket, 3, 10, 0)))
		var jobs []string
		for i, share := range []uint64{3, 3, 4} {
			res, err := f.submitOut(m, deal)
			require.NoError(t, err)
			require.Equal(t, [3]uint64{1, share, 0}, f.held(m.Node, types.JobPromise(res.Job)))
			require.EqualValues(t, i+1, f.held(m.Node, socket)[2])
			jobs = append(jobs, res.Job)
		}
		require.Equal(t, [3]uint64{0, 0, 3}, f.held(m.Node, socket))
		_, err = f.submitOut(m, deal)
		require.ErrorIs(t, err, types.ErrNoNodeFits)
		require.ErrorContains(t, err, "has no slot left in socket/1: 3 jobs have them")
		require.EqualValues(t, 1, f.load(m.Node).FreeSlots(), "though the node has one")
		for _, i := range order {
			require.NoError(t, f.cancel(customer.String(), jobs[i]))
		}
		require.Equal(t, [3]uint64{3, 10, 0}, f.held(m.Node, socket))
	}
}

// dropApps lets a node offer something else from now on.
func (f *fixture) dropApps(operator sdk.AccAddress, node string) {
	f.t.Helper()
	o := offer(1)
	o.Apps, o.Runtimes, o.Hardware = []string{"another"}, nil, types.Hardware{}
	_, err := f.msg.UpdateNode(f.ctx, &types.MsgUpdateNode{Operator: operator.String(), Node: node, Offer: o})
	require.NoError(f.t, err)
}

// Only what counts as an outage keeps a job from a slot that is sold: an operator
// could otherwise keep the price and refuse the work.
func TestAPromiseIsKept(t *testing.T) {
	for name, change := range map[string]func(f *fixture, operator, customer sdk.AccAddress, node string){
		"draining": func(f *fixture, _, _ sdk.AccAddress, node string) {
			_, err := f.msg.ReportStatus(f.ctx, &types.MsgReportStatus{Node: node})
			require.NoError(f.t, err)
		},
		"retiring": func(f *fixture, operator, _ sdk.AccAddress, node string) {
			_, err := f.msg.RetireNode(f.ctx, &types.MsgRetireNode{Operator: operator.String(), Node: node, WhenIdle: true})
			require.NoError(f.t, err)
		},
		"suspended": func(f *fixture, _, customer sdk.AccAddress, node string) {
			m := submission(customer)
			m.Node = node
			res, err := f.submitOut(m, types.Deal{Payer: f.deal(), Source: socket})
			require.NoError(f.t, err)
			_, err = f.msg.DeclineJob(f.ctx, &types.MsgDeclineJob{Node: node, Job: res.Job, Reason: "no"})
			require.NoError(f.t, err)
			require.NotZero(f.t, f.load(node).SuspendedUntil)
		},
		"an app that the offer no longer names": func(f *fixture, operator, _ sdk.AccAddress, node string) {
			f.dropApps(operator, node)
		},
	} {
		t.Run(name, func(t *testing.T) {
			f, operator, customer, m, deal := socketed(t)
			r := promise(socket, 2, 10, 0)
			r.App = m.App
			require.NoError(t, f.setReservation(m.Node, r))
			change(f, operator, customer, m.Node)
			_, err := f.submitOut(m, deal)
			require.NoError(t, err)
			m.Node = ""
			res, err := f.submit(m)
			require.NoError(t, err)
			require.NotEqual(t, f.reserved(f.load(res.Node).Address, socket), r, "others go elsewhere")
		})
	}
}

func TestJobOutOfAPromiseRefused(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(f *fixture, operator sdk.AccAddress, m *types.MsgSubmitJob, deal *types.Deal)
		err    error
		words  string
	}{
		{"error - no payer", func(_ *fixture, _ sdk.AccAddress, _ *types.MsgSubmitJob, d *types.Deal) { d.Payer = nil }, types.ErrInvalidJob, "payer"},
		{"error - no node", func(_ *fixture, _ sdk.AccAddress, m *types.MsgSubmitJob, _ *types.Deal) { m.Node = "" }, types.ErrInvalidJob, "must name the node"},
		{"error - a job's promise", func(_ *fixture, _ sdk.AccAddress, _ *types.MsgSubmitJob, d *types.Deal) { d.Source = "job/x" }, types.ErrInvalidJob, "another job's"},
		{"error - a price for no promise", func(_ *fixture, _ sdk.AccAddress, _ *types.MsgSubmitJob, d *types.Deal) { d.Source = "" }, types.ErrInvalidJob, "apart from the offers"},
		{"error - foreign money", func(_ *fixture, _ sdk.AccAddress, _ *types.MsgSubmitJob, d *types.Deal) {
			d.SlotHourPrice = sdk.NewInt64Coin("uatom", 1)
		}, types.ErrInvalidAmount, "slot_hour_price"},
		{"error - a negative price", func(_ *fixture, _ sdk.AccAddress, _ *types.MsgSubmitJob, d *types.Deal) {
			d.SlotHourPrice = types.Uemc(math.NewInt(-1))
		}, types.ErrInvalidAmount, "slot_hour_price"},
		{"error - no such promise", func(_ *fixture, _ sdk.AccAddress, _ *types.MsgSubmitJob, d *types.Deal) { d.Source = "socket/2" }, types.ErrNoNodeFits, "promised nothing under socket/2"},
		{"error - another node's", func(f *fixture, operator sdk.AccAddress, m *types.MsgSubmitJob, _ *types.Deal) {
			m.Node = f.node(3, operator, offer(1))
		}, types.ErrNoNodeFits, "promised nothing under socket/1"},
		{"error - only power", func(f *fixture, _ sdk.AccAddress, m *types.MsgSubmitJob, _ *types.Deal) {
			require.NoError(f.t, f.setReservation(m.Node, promise(socket, 0, 10, 0)))
		}, types.ErrNoNodeFits, "has no slot left in socket/1"},
		{"error - more power than a share", func(_ *fixture, _ sdk.AccAddress, m *types.MsgSubmitJob, _ *types.Deal) {
			m.Requirements.MinSlotPower = 6
		}, types.ErrNoNodeFits, "a slot of socket/1 has 0.000005 E"},
		{"error - jailed", func(f *fixture, _ sdk.AccAddress, m *types.MsgSubmitJob, _ *types.Deal) { f.jail(m.Node) }, types.ErrNoNodeFits, "is jailed"},
		{"error - offline", func(f *fixture, _ sdk.AccAddress, _ *types.MsgSubmitJob, _ *types.Deal) { f.block(1800) }, types.ErrNoNodeFits, "is offline"},
		{"error - promised for another app", func(f *fixture, _ sdk.AccAddress, m *types.MsgSubmitJob, _ *types.Deal) {
			r := promise(socket, 2, 10, 0)
			r.App = "another"
			require.NoError(f.t, f.setReservation(m.Node, r))
		}, types.ErrNoNodeFits, "has promised socket/1 for app another"},
		{"error - an app that the offer no longer names", func(f *fixture, operator sdk.AccAddress, m *types.MsgSubmitJob, _ *types.Deal) {
			f.dropApps(operator, m.Node)
		}, types.ErrNoNodeFits, "does not serve app"},
		{"error - region", func(_ *fixture, _ sdk.AccAddress, m *types.MsgSubmitJob, _ *types.Deal) { m.Requirements.Region = "FR" }, types.ErrNoNodeFits, "needs region FR"},
		{"error - isolation", func(_ *fixture, _ sdk.AccAddress, m *types.MsgSubmitJob, _ *types.Deal) {
			m.Requirements.MinIsolation = 2
		}, types.ErrNoNodeFits, "needs isolation tier 2"},
		{"error - dearer than the maximum price", func(_ *fixture, _ sdk.AccAddress, _ *types.MsgSubmitJob, d *types.Deal) {
			d.SlotHourPrice = coin(36_000_000)
		}, types.ErrNoNodeFits, "costs 6000000uemc"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f, operator, _, m, deal := socketed(t)
			node := m.Node
			tc.change(f, operator, m, &deal)
			was := f.reserved(node, socket)
			_, err := f.submitOut(m, deal)
			require.ErrorIs(t, err, tc.err)
			require.ErrorContains(t, err, tc.words)
			require.Equal(t, was, f.reserved(node, socket))
		})
	}
}

// The owner of a promise may settle it while jobs run out of it: they keep what
// they have, and the node's totals are right at every step.
func TestPromiseThatEndsBeforeItsJobs(t *testing.T) {
	f, operator, customer, m, deal := socketed(t)
	begin := func() string {
		res, err := f.submitOut(m, deal)
		require.NoError(t, err)
		return res.Job
	}
	first, second := begin(), begin()
	require.NoError(t, f.setReservation(m.Node, promise(socket, 0, 0, 0)))
	require.Nil(t, f.reserved(m.Node, socket))
	require.Equal(t, [2]uint64{2, 10}, f.totals(m.Node), "the jobs have it all")
	require.NoError(t, f.cancel(customer.String(), first))
	require.Equal(t, [2]uint64{1, 5}, f.totals(m.Node))
	require.Nil(t, f.reserved(m.Node, socket))

	// One of the same name that was made later has lent nothing.
	require.NoError(t, f.setReservation(m.Node, promise(socket, 1, 5, 0)))
	require.NoError(t, f.cancel(customer.String(), second))
	require.Equal(t, [3]uint64{1, 5, 0}, f.held(m.Node, socket))
	require.Equal(t, [2]uint64{1, 5}, f.totals(m.Node))

	// What jobs have comes on top of what is set.
	third := begin()
	require.NoError(t, f.setReservation(m.Node, types.Reservation{Promise: socket, Slots: 1, Power: 2, Stake: math.ZeroInt(), Jobs: 9}))
	require.Equal(t, [3]uint64{1, 2, 1}, f.held(m.Node, socket))
	require.Equal(t, [2]uint64{2, 7}, f.totals(m.Node))
	require.NoError(t, f.cancel(customer.String(), third))
	require.Equal(t, [3]uint64{2, 7, 0}, f.held(m.Node, socket))

	// One that holds nothing of its own while its jobs run is not over.
	require.NoError(t, f.stake(operator, m.Node, coin(20_000_000)))
	require.NoError(t, f.setReservation(m.Node, promise(socket, 1, 7, 1_000)))
	fourth := begin()
	paid, err := f.seize(m.Node, socket, 1_000, customer)
	require.NoError(t, err)
	require.EqualValues(t, 1_000, paid)
	require.Equal(t, [3]uint64{0, 0, 1}, f.held(m.Node, socket))
	_, err = f.retire(operator, m.Node, true)
	require.NoError(t, err)
	require.NoError(t, f.cancel(customer.String(), fourth))
	require.Equal(t, [3]uint64{1, 7, 0}, f.held(m.Node, socket), "a node that retires keeps its promise")
	require.NoError(t, f.k.Release(f.ctx, sdk.MustAccAddressFromBech32(m.Node), socket))
	_, err = f.k.Node(f.ctx, sdk.MustAccAddressFromBech32(m.Node))
	require.ErrorIs(t, err, types.ErrNodeNotFound)
	f.check()
}

// A node that retires leaves with the last job of a promise that is gone.
func TestNodeLeavesWithTheJobOfAPromise(t *testing.T) {
	f, operator, customer, m, deal := socketed(t)
	res, err := f.submitOut(m, deal)
	require.NoError(t, err)
	_, err = f.retire(operator, m.Node, true)
	require.NoError(t, err)
	require.NoError(t, f.setReservation(m.Node, promise(socket, 0, 0, 0)))
	require.Equal(t, [2]uint64{1, 5}, f.totals(m.Node))
	require.NoError(t, f.cancel(customer.String(), res.Job))
	_, err = f.k.Node(f.ctx, sdk.MustAccAddressFromBech32(m.Node))
	require.ErrorIs(t, err, types.ErrNodeNotFound)
}

func TestGenesisWithAJobOutOfAPromise(t *testing.T) {
	f, _, customer, m, deal := socketed(t)
	res, err := f.submitOut(m, deal)
	require.NoError(t, err)
	good := func() *types.GenesisState {
		g, err := f.k.ExportGenesis(f.ctx)
		require.NoError(t, err)
		return g
	}
	begin := func(g *types.GenesisState) (*fixture, error) {
		fresh := newFixture(t)
		fresh.bank.InitGenesis(fresh.ctx, f.bank.ExportGenesis(f.ctx))
		fresh.supply = f.supply
		return fresh, fresh.k.InitGenesis(fresh.ctx, g)
	}
	g := good()
	require.NoError(t, g.Validate())
	fresh, err := begin(g)
	require.NoError(t, err)
	require.NoError(t, fresh.cancel(customer.String(), res.Job))
	require.Equal(t, [3]uint64{2, 10, 0}, fresh.held(m.Node, socket))

	g = good()
	g.Jobs[0].Source = "job/x"
	require.ErrorIs(t, g.Validate(), types.ErrInvalidJob)
	g = good()
	g.Jobs[0].WantedNode = ""
	require.ErrorIs(t, g.Validate(), types.ErrInvalidJob)
	g = good()
	for i := range g.Reservations {
		if g.Reservations[i].Promise == socket {
			g.Reservations[i].Jobs = 2
		}
	}
	_, err = begin(g)
	require.ErrorContains(t, err, "has lent to 2 jobs, 1 are live")
}
