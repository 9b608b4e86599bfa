package keeper_test

import (
	"strings"
	"testing"

	"cosmossdk.io/math"

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
		nodes = append(nodes, f.router(3, operator, 20_000_000))
		deal := f.deal()
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
		randomSubmission := func() *types.MsgSubmitJob {
			m := submission(customer)
			m.MaxSeconds = rapid.Uint64Range(1, 4000).Draw(r, "seconds")
			m.MaxPrice = coin(rapid.Int64Range(1, 4_000_000).Draw(r, "price"))
			if rapid.Bool().Draw(r, "named") {
				m.Node = node()
			}
			if rapid.Bool().Draw(r, "powerful") {
				m.Requirements.MinSlotPower = rapid.Uint64Range(1, 1_500_000).Draw(r, "slot power")
			}
			return m
		}
		submitted := func(m *types.MsgSubmitJob, res *types.MsgSubmitJobResponse) {
			jobs = append(jobs, res.Job)
			if m.Requirements.MinSlotPower > 0 {
				reached["with power"]++
			}
		}
		submit := func(*rapid.T) {
			m := randomSubmission()
			if res, err := f.submit(m); err == nil {
				submitted(m, res)
			}
		}
		promised := func() string { return rapid.SampledFrom([]string{"cover/a", "cover/b", "lease/1"}).Draw(r, "promise") }
		steps := map[string]func(*rapid.T){
			"advance 1": advance, "advance 2": advance, "advance 3": advance, "advance 4": advance,
			"submit 1": submit, "submit 2": submit,
			"submit for a deal": func(*rapid.T) {
				m := randomSubmission()
				if res, err := f.submitFor(m, deal); err == nil {
					submitted(m, res)
					reached["paid by a deal"]++
				}
			},
			"submit out of a promise": func(*rapid.T) {
				m, d := randomSubmission(), types.Deal{Payer: deal, Source: promised()}
				m.Node = node()
				_ = f.setReservation(m.Node, promise(d.Source, 1, rapid.Uint64Range(0, 100_000).Draw(r, "power"), 0))
				for _, p := range f.promises() { // one that has a slot, if any
					if p.Slots > 0 && !strings.HasPrefix(p.Promise, "job/") {
						m.Node, d.Source, m.Requirements.MinSlotPower = p.Node, p.Promise, p.Share()
					}
				}
				if rapid.Bool().Draw(r, "agreed") {
					d.SlotHourPrice = coin(rapid.Int64Range(0, 4_000_000).Draw(r, "agreed price"))
				}
				if res, err := f.submitOut(m, d); err == nil {
					jobs = append(jobs, res.Job)
					reached["out of a promise"]++
				}
			},
			"promise": func(*rapid.T) {
				on, p := node(), promise(promised(), 0, 0, amount())
				if rapid.Bool().Draw(r, "cover") {
					on = nodes[3]
				} else {
					p.Slots, p.Power = uint32(rapid.IntRange(0, 2).Draw(r, "slots")), rapid.Uint64Range(0, 100_000).Draw(r, "power")
				}
				if f.setReservation(on, p) == nil {
					reached["promised"]++
				}
			},
			"withdraw": func(*rapid.T) {
				if f.setReservation(node(), promise(promised(), 0, 0, rapid.Int64Range(0, 1).Draw(r, "stake"))) == nil {
					reached["withdrawn"]++
				}
			},
			"seize": func(*rapid.T) {
				on, name := node(), promised()
				for _, p := range f.promises() { // one that is there, if any
					if p.Stake.IsPositive() {
						on, name = p.Node, p.Promise
					}
				}
				to := rapid.SampledFrom([]sdk.AccAddress{customer, operator}).Draw(r, "to")
				if paid, err := f.seize(on, name, amount(), to); err == nil && paid > 0 {
					reached["seized"]++
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
			"probed": func(*rapid.T) {
				_, _ = atomically(f, func(ctx sdk.Context) (any, error) {
					return nil, f.k.SetUnreachable(ctx, sdk.MustAccAddressFromBech32(node()), rapid.Bool().Draw(r, "unreachable"))
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
		held := math.NewInt(5_000_000)
		for _, j := range f.hooks.closed {
			if j.Payer != "" {
				held = held.Sub(j.Paid.Amount)
			}
		}
		if have := f.balance(deal); have != held.Int64() || f.accounts.HasAccount(f.ctx, deal) {
			r.Fatalf("the deal holds %d instead of %s, or has got an account", have, held)
		}
	})
	t.Log(reached)
	for _, state := range []string{"ready", "running", "finished", "completed", "with power", "paid by a deal", "promised", "withdrawn", "seized", "out of a promise"} {
		if reached[state] == 0 {
			t.Errorf("no random life ever had anything %s: the test proves nothing", state)
		}
	}
}
