package keeper_test

import (
	"testing"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"pgregory.net/rapid"

	"github.com/edgematrix/emc/x/compute/types"
)

// TestRandomLife drives the module with random messages, right and wrong ones,
// and random time. The fixture checks every invariant and the supply after
// each step; nothing may fail with a panic, and no money may be lost.
func TestRandomLife(t *testing.T) {
	reached := map[string]int{}
	rapid.Check(t, func(r *rapid.T) {
		f := newFixture(t)
		operator := f.account("operator", 1_000_000_000)
		customer := f.account("customer", 50_000_000)
		f.app(operator)
		var nodes, jobs []string
		for i := range 3 {
			nodes = append(nodes, f.node(i, operator, offer(int64(1_000_000*(i+1)))))
			f.power(nodes[i], uint64(i)*2_000_000)
		}
		node := func() string { return rapid.SampledFrom(nodes).Draw(r, "node") }
		job := func() string {
			if len(jobs) == 0 {
				return types.JobID(customer, 0)
			}
			return rapid.SampledFrom(jobs).Draw(r, "job")
		}
		// Messages of the job's own node mostly, so that jobs get somewhere.
		at := func(id string) string {
			if j, err := f.k.Job(f.ctx, id); err == nil && rapid.IntRange(0, 9).Draw(r, "own") > 0 {
				return j.Node
			}
			return node()
		}
		amount := func() int64 { return rapid.Int64Range(1, 30_000_000).Draw(r, "amount") }
		// advance does what an honest node and customer do next.
		advance := func(*rapid.T) {
			id := job()
			j, err := f.k.Job(f.ctx, id)
			if err != nil {
				return
			}
			switch j.Status {
			case types.JOB_STATUS_SCHEDULED, types.JOB_STATUS_WAITING:
				_ = f.acknowledge(j.Node, id, true)
			case types.JOB_STATUS_READY:
				_ = f.start(j.Node, id)
			case types.JOB_STATUS_RUNNING:
				_ = f.finish(j.Node, id, receipt(rapid.Uint64Range(0, 5000).Draw(r, "wall")))
			case types.JOB_STATUS_FINISHED:
				_ = f.accept(customer.String(), id)
			}
			reached[types.StatusWord(f.job(id).Status)]++
		}
		steps := map[string]func(*rapid.T){
			"advance 1": advance, "advance 2": advance, "advance 3": advance, "advance 4": advance,
			"submit": func(*rapid.T) {
				m := submission(customer)
				m.MaxSeconds = rapid.Uint64Range(1, 4000).Draw(r, "seconds")
				m.MaxPrice = coin(rapid.Int64Range(1, 4_000_000).Draw(r, "price"))
				if rapid.Bool().Draw(r, "named") {
					m.Node = node()
				}
				if rapid.IntRange(0, 3).Draw(r, "powerful") == 0 {
					m.Requirements.MinSlotPower = rapid.Uint64Range(1, 1_500_000).Draw(r, "slot power")
				}
				if res, err := f.submit(m); err == nil {
					jobs = append(jobs, res.Job)
					if m.Requirements.MinSlotPower > 0 {
						reached["with power"]++
					}
				}
			},
			"acknowledge": func(*rapid.T) { id := job(); _ = f.acknowledge(at(id), id, rapid.Bool().Draw(r, "inputs")) },
			"start":       func(*rapid.T) { id := job(); _ = f.start(at(id), id) },
			"finish": func(*rapid.T) {
				id, rec := job(), receipt(rapid.Uint64Range(0, 5000).Draw(r, "wall"))
				rec.Reason = types.ExitReason(rapid.Int32Range(0, 6).Draw(r, "reason"))
				_ = f.finish(at(id), id, rec)
			},
			"decline": func(*rapid.T) {
				id := job()
				_, _ = atomically(f, func(ctx sdk.Context) (any, error) {
					return f.msg.DeclineJob(ctx, &types.MsgDeclineJob{Node: at(id), Job: id, Reason: "no"})
				})
			},
			"accept": func(*rapid.T) { _ = f.accept(customer.String(), job()) },
			"cancel": func(*rapid.T) { _ = f.cancel(customer.String(), job()) },
			"report": func(*rapid.T) {
				_, _ = atomically(f, func(ctx sdk.Context) (any, error) {
					return f.msg.ReportStatus(ctx, &types.MsgReportStatus{Node: node(), Accepting: rapid.IntRange(0, 4).Draw(r, "accepting") > 0})
				})
			},
			"stake":   func(*rapid.T) { _ = f.stake(operator, node(), coin(amount())) },
			"unstake": func(*rapid.T) { _ = f.unstake(operator, node(), amount()) },
			"slash":   func(*rapid.T) { f.slash(node(), amount()) },
			"power": func(*rapid.T) {
				_, _ = atomically(f, func(ctx sdk.Context) (any, error) {
					return nil, f.k.SetPower(ctx, sdk.MustAccAddressFromBech32(node()), rapid.Uint64Range(0, 4_000_000).Draw(r, "power"))
				})
			},
			"jail": func(*rapid.T) {
				_, _ = atomically(f, func(ctx sdk.Context) (any, error) {
					return nil, f.k.Jail(ctx, sdk.MustAccAddressFromBech32(node()), ctx.BlockTime().Unix()+60, "test")
				})
			},
			"unjail": func(*rapid.T) {
				_, _ = atomically(f, func(ctx sdk.Context) (any, error) {
					return f.msg.Unjail(ctx, &types.MsgUnjail{Operator: operator.String(), Node: node()})
				})
			},
			"retire": func(*rapid.T) {
				if rapid.IntRange(0, 3).Draw(r, "really") > 0 {
					return
				}
				_, _ = f.retire(operator, node(), rapid.Bool().Draw(r, "idle"))
			},
			"return": func(*rapid.T) {
				n := rapid.IntRange(0, 2).Draw(r, "index")
				_, _ = atomically(f, func(ctx sdk.Context) (any, error) {
					return f.msg.RegisterNode(ctx, registration(nodeKey(n), operator, offer(amount())))
				})
			},
			"reprice": func(*rapid.T) {
				_, _ = atomically(f, func(ctx sdk.Context) (any, error) {
					return f.msg.UpdateNode(ctx, &types.MsgUpdateNode{Operator: operator.String(), Node: node(), Offer: offer(amount())})
				})
			},
			"standstill": func(*rapid.T) {
				f.blockAfter(rapid.SampledFrom([]int64{11, 100, 3_600, 30 * 86_400}).Draw(r, "standstill"))
			},
			"time": func(*rapid.T) {
				f.block(rapid.SampledFrom([]int64{1, 10, 61, 700, 1900, 86_400, 15 * 86_400}).Draw(r, "time"))
			},
		}
		r.Repeat(steps)
		// In the end everybody goes away: the chain settles everything alone.
		for range 6 {
			f.block(40 * 86_400)
		}
		for _, id := range jobs {
			if j, err := f.k.Job(f.ctx, id); err == nil && !j.Closed() {
				r.Fatalf("job %s is still %s", id, types.StatusWord(j.Status))
			}
		}
	})
	for _, status := range []string{"ready", "running", "finished", "completed", "with power"} {
		if reached[status] == 0 {
			t.Errorf("no random life ever had a job %s: the test proves nothing", status)
		}
	}
}
