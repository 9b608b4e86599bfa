package keeper_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"pgregory.net/rapid"

	"github.com/edgematrix/emc/x/compute/types"
)

func (f *fixture) outage(node string) int64 {
	f.t.Helper()
	seconds, err := f.k.Outage(f.ctx, sdk.MustAccAddressFromBech32(node))
	require.NoError(f.t, err)
	return int64(seconds)
}

// later lets time pass up to the middle of a block: messages come before the
// agenda has had its turn.
func (f *fixture) later(seconds int64) {
	f.t.Helper()
	clock, err := f.k.Clock.Get(f.ctx)
	require.NoError(f.t, err)
	f.ctx = f.ctx.WithBlockTime(f.ctx.BlockTime().Add(time.Duration(seconds) * time.Second)).WithBlockHeight(f.ctx.BlockHeight() + 1)
	clock.BlockTime = max(f.ctx.BlockTime().Unix()-1, clock.BlockTime)
	require.NoError(f.t, f.k.Clock.Set(f.ctx, clock))
	require.NoError(f.t, f.k.BeginBlock(f.ctx))
	f.check()
}

func (f *fixture) jail(node string) {
	f.t.Helper()
	require.NoError(f.t, f.k.Jail(f.ctx, sdk.MustAccAddressFromBech32(node), f.ctx.BlockTime().Unix(), "test"))
	f.check()
}

func (f *fixture) unjail(operator sdk.AccAddress, node string) error {
	f.t.Helper()
	_, err := atomically(f, func(ctx sdk.Context) (*types.MsgUnjailResponse, error) {
		return f.msg.Unjail(ctx, &types.MsgUnjail{Operator: operator.String(), Node: node})
	})
	return err
}

// since is when the node's outage began, in seconds after the test's beginning.
func (f *fixture) since(node string) int64 {
	f.t.Helper()
	if at := f.load(node).OutageSince; at != 0 {
		return at - startTime
	}
	return -1
}

func TestOutageOfANodeThatNeverReported(t *testing.T) {
	f := newFixture(t)
	operator := f.account("operator", 100_000_000)
	res, err := f.msg.RegisterNode(f.ctx, registration(nodeKey(1), operator, offer(1)))
	require.NoError(t, err)
	f.block(50)
	require.EqualValues(t, 50, f.outage(res.Node))
	f.report(res.Node)
	f.block(50)
	require.EqualValues(t, 50, f.outage(res.Node))
	require.EqualValues(t, -1, f.since(res.Node))
	_, err = f.k.Outage(f.ctx, operator)
	require.ErrorIs(t, err, types.ErrNodeNotFound)
}

// Whatever else keeps a node from work, its outage begins when its report runs
// out, to the second, and is noted by the chain itself.
func TestOutageBeginsWithTheReport(t *testing.T) {
	for name, before := range map[string]func(f *fixture, customer sdk.AccAddress, node string){
		"idle": func(*fixture, sdk.AccAddress, string) {},
		"full": func(f *fixture, customer sdk.AccAddress, _ string) {
			f.running(submission(customer))
			f.running(submission(customer))
		},
		"draining": func(f *fixture, _ sdk.AccAddress, node string) {
			_, err := f.msg.ReportStatus(f.ctx, &types.MsgReportStatus{Node: node})
			require.NoError(f.t, err)
		},
		"promised": func(f *fixture, _ sdk.AccAddress, node string) {
			f.power(node, 5)
			require.NoError(f.t, f.setReservation(node, promise("socket/1", 2, 5, 0)))
		},
		"suspended": func(f *fixture, customer sdk.AccAddress, node string) {
			res := f.mustSubmit(submission(customer))
			_, err := f.msg.DeclineJob(f.ctx, &types.MsgDeclineJob{Node: node, Job: res.Job, Reason: "no"})
			require.NoError(f.t, err)
		},
		"retiring": func(f *fixture, _ sdk.AccAddress, node string) {
			n := f.load(node)
			require.NoError(f.t, f.setReservation(node, promise("socket/1", 1, 0, 0)))
			_, err := f.msg.RetireNode(f.ctx, &types.MsgRetireNode{Operator: n.Operator, Node: node, WhenIdle: true})
			require.NoError(f.t, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			f, _, customer, node := market(t)
			before(f, customer, node)
			f.block(1799)
			require.Zero(t, f.outage(node))
			require.EqualValues(t, -1, f.since(node))
			f.block(1)
			require.EqualValues(t, 1800, f.since(node), "noted in the very second")
			f.block(7)
			require.EqualValues(t, 7, f.outage(node))
			require.EqualValues(t, 1800, f.since(node))
			f.later(3)
			require.EqualValues(t, 10, f.outage(node))
			f.report(node)
			require.EqualValues(t, 10, f.outage(node))
			f.block(5)
			require.EqualValues(t, 10, f.outage(node))
			require.EqualValues(t, -1, f.since(node))
		})
	}
}

// A report in the block in which the last one ran out comes before the agenda
// has noted it.
func TestOutageIsNotedBeforeTheNextReport(t *testing.T) {
	f, operator, _, node := market(t)
	f.later(1808)
	require.EqualValues(t, 8, f.outage(node))
	f.report(node)
	require.EqualValues(t, 8, f.outage(node))
	require.EqualValues(t, -1, f.since(node))
	f.later(1808)
	f.jail(node)
	require.EqualValues(t, 1808+1800, f.since(node), "it was offline before it was jailed")
	f.report(node)
	require.EqualValues(t, 16, f.outage(node), "and is jailed since")
	f.block(4)
	require.NoError(t, f.unjail(operator, node))
	f.block(10)
	require.EqualValues(t, 20, f.outage(node))
}

// Causes overlap; the seconds count once.
func TestOutageOfSeveralCauses(t *testing.T) {
	f, operator, _, node := market(t)
	f.power(node, 10)
	require.NoError(t, f.setReservation(node, promise("socket/1", 1, 10, 0)))
	f.block(10)
	require.Zero(t, f.outage(node), "all its power is promised, and all is there")
	f.power(node, 9)
	f.block(10)
	f.jail(node)
	f.block(10)
	f.power(node, 10)
	require.EqualValues(t, 20, f.outage(node))
	f.block(10)
	require.NoError(t, f.unjail(operator, node))
	require.EqualValues(t, 30, f.outage(node))
	f.block(10)
	require.EqualValues(t, 30, f.outage(node))
	f.power(node, 0)
	f.block(10)
	require.NoError(t, f.setReservation(node, promise("socket/1", 1, 0, 0)))
	f.block(10)
	require.EqualValues(t, 40, f.outage(node), "what is promised no more is not missing")
	// A jail does not end by itself: its operator has to say so.
	require.NoError(t, f.k.Jail(f.ctx, sdk.MustAccAddressFromBech32(node), f.ctx.BlockTime().Unix()+60, "test"))
	f.block(100)
	require.EqualValues(t, 140, f.outage(node))
}

// Nobody could report while the network stood still, and in the grace everybody
// is still on the way back.
func TestOutageAndStandstill(t *testing.T) {
	f, operator, _, node := market(t)
	back, gone := node, f.node(2, operator, offer(1))
	f.block(1795) // both have 5 seconds left, the last 10 of a standstill count
	f.blockAfter(3600)
	f.later(59)
	require.Zero(t, f.outage(back))
	require.NoError(t, f.k.EndBlock(f.ctx))
	f.report(back)
	require.NoError(t, f.stake(operator, gone, coin(20_000_000))) // a change of a node within the grace notes nothing either
	require.Zero(t, f.outage(gone))
	require.EqualValues(t, -1, f.since(gone))
	f.block(8)
	require.Zero(t, f.outage(back))
	require.EqualValues(t, 1795+10+60, f.since(gone), "from the end of the grace")
	require.EqualValues(t, 7, f.outage(gone))
	f.blockAfter(100 * 86_400)
	require.EqualValues(t, 17, f.outage(gone), "a standstill of months takes ten seconds")
	view, err := f.query.Node(f.ctx, &types.QueryNodeRequest{Node: gone})
	require.NoError(t, err)
	require.EqualValues(t, startTime+1865+3590+100*86_400-10, view.Node.Node.OutageSince, "queries speak block time")

	// Who was offline before the network stood still stays so.
	f, _, _, node = market(t)
	f.block(1800)
	require.Zero(t, f.outage(node))
	f.blockAfter(3600)
	f.block(20)
	require.EqualValues(t, 30, f.outage(node))
}

// A node's last report was answered with the time until which it is online.
func TestOutageWhenTheParameterChanges(t *testing.T) {
	f, operator, _, node := market(t)
	p := types.DefaultParams()
	f.block(1000)
	p.OnlineSeconds = 600
	require.NoError(t, f.k.Params.Set(f.ctx, p))
	require.Zero(t, f.outage(node), "it has done nothing wrong")
	f.later(810)
	require.EqualValues(t, 10, f.outage(node))
	require.NoError(t, f.k.EndBlock(f.ctx))
	require.EqualValues(t, 1800, f.since(node))
	f.report(node)
	f.block(605)
	require.EqualValues(t, 15, f.outage(node))
	f.report(node)
	p.OnlineSeconds = 60
	require.NoError(t, f.k.Params.Set(f.ctx, p))
	f.block(100)
	require.NoError(t, f.stake(operator, node, coin(20_000_000))) // looked at before its time
	f.block(7)
	require.EqualValues(t, 22, f.outage(node), "from then on, no longer")
}

func TestOutageGoesOnAfterAnExport(t *testing.T) {
	f, operator, _, node := market(t)
	gone, jailed := f.node(2, operator, offer(1)), f.node(3, operator, offer(1))
	f.jail(jailed)
	f.block(100)
	require.NoError(t, f.unjail(operator, jailed))
	f.report(node)
	f.block(1710)
	f.jail(jailed)
	f.block(1)
	g, err := f.k.ExportGenesis(f.ctx)
	require.NoError(t, err)
	require.NoError(t, g.Validate())

	begin := func(after time.Duration) *fixture {
		fresh := newFixture(t)
		fresh.ctx = fresh.ctx.WithBlockTime(f.ctx.BlockTime().Add(after))
		fresh.bank.InitGenesis(fresh.ctx, f.bank.ExportGenesis(f.ctx))
		fresh.supply = f.supply
		require.NoError(t, fresh.k.InitGenesis(fresh.ctx, g))
		fresh.check()
		return fresh
	}
	fresh := begin(24 * time.Hour)
	fresh.blockAfter(5)
	for _, x := range []struct {
		node string
		want int64
	}{{node, 0}, {gone, 11 + 10}, {jailed, 100 + 11 + 10}} {
		require.EqualValues(t, x.want, fresh.outage(x.node))
	}
	require.Empty(t, fresh.load(gone).Listing.Keys)
	require.NotEmpty(t, fresh.load(node).Listing.Keys, "the day between the chains is a standstill")

	// A chain that begins anew from an older day has had no outage in its future.
	fresh = begin(-24 * time.Hour)
	require.EqualValues(t, 100, fresh.outage(jailed))
	fresh.later(10)
	require.EqualValues(t, 110, fresh.outage(jailed))
}

// A random life of a node against an oracle that looks at every second of it.
func TestOutageAgainstEverySecond(t *testing.T) {
	reached := map[string]int{}
	rapid.Check(t, func(r *rapid.T) {
		const online, grace = 100, 60
		f, operator, customer, node := market(t)
		p := types.DefaultParams()
		p.OnlineSeconds, p.AcknowledgeSeconds = online, grace
		require.NoError(t, f.k.Params.Set(f.ctx, p))
		f.report(node)
		addr := sdk.MustAccAddressFromBech32(node)
		f.power(node, 10)

		now, reported, want := int64(0), int64(0), int64(0) // network's seconds
		power, reserved, jailed, unreachable := 10, 0, false, false
		graceFrom, graceUntil := int64(-1), int64(-1)
		lived := func(to int64) {
			for ; now < to; now++ {
				until := reported + online
				if graceFrom < until && until < graceUntil {
					until = graceUntil
				}
				if offline := now >= until; offline || jailed || unreachable || power < reserved {
					want++
					if offline && jailed {
						reached["offline and jailed"]++
					}
					if !offline && !jailed && unreachable && power >= reserved {
						reached["unreachable alone"]++
					}
				}
			}
		}
		span := rapid.SampledFrom([]int64{0, 1, 9, 35, 99, 100, 101, 230})
		r.Repeat(map[string]func(*rapid.T){
			"time":  func(r *rapid.T) { s := span.Draw(r, "s"); f.block(s); lived(now + s) },
			"later": func(r *rapid.T) { s := span.Draw(r, "s"); f.later(s); lived(now + s) },
			"standstill": func(*rapid.T) {
				require.NoError(t, f.k.EndBlock(f.ctx)) // every block has had its end before the next one
				// The clock was moved in steps by the fixture: it stands at now.
				clock, err := f.k.Clock.Get(f.ctx)
				require.NoError(t, err)
				clock.BlockTime = f.ctx.BlockTime().Unix()
				require.NoError(t, f.k.Clock.Set(f.ctx, clock))
				if now >= graceUntil {
					graceFrom, graceUntil = now, now+types.MaxBlockGap+grace
				}
				f.blockAfter(5000)
				lived(now + types.MaxBlockGap)
				reached["standstill"]++
			},
			"report": func(r *rapid.T) {
				if f.load(node).OutageSince == 0 && f.outage(node) > int64(f.load(node).OutageSeconds) {
					reached["reported before it was noted"]++
				}
				_, err := f.msg.ReportStatus(f.ctx, &types.MsgReportStatus{Node: node, Accepting: rapid.Bool().Draw(r, "accepting")})
				require.NoError(t, err)
				reported = now
			},
			"probed": func(r *rapid.T) {
				unreachable = rapid.Bool().Draw(r, "unreachable")
				require.NoError(t, f.k.SetUnreachable(f.ctx, addr, unreachable))
			},
			"jail":   func(*rapid.T) { f.jail(node); jailed = true },
			"unjail": func(*rapid.T) { jailed = f.unjail(operator, node) != nil && jailed },
			"power": func(r *rapid.T) {
				power = rapid.IntRange(0, 10).Draw(r, "power")
				f.power(node, uint64(power))
			},
			"promise": func(r *rapid.T) {
				x := rapid.IntRange(0, 10).Draw(r, "reserved")
				if f.k.SetReservation(f.ctx, addr, types.Reservation{Promise: "socket/1", Power: uint64(x), Stake: math.ZeroInt()}) == nil {
					reserved = x
				}
			},
			"job": func(*rapid.T) {
				if res, err := f.submit(submission(customer)); err == nil {
					require.NoError(t, f.cancel(customer.String(), res.Job))
				}
			},
			"": func(r *rapid.T) {
				f.check()
				if have := f.outage(node); have != want {
					r.Fatalf("at %d the outage is %d s, the oracle counted %d", now, have, want)
				}
				if want > 0 {
					reached["out"]++
				}
			},
		})
	})
	t.Log(reached)
	for _, what := range []string{"out", "standstill", "offline and jailed", "reported before it was noted", "unreachable alone"} {
		if reached[what] == 0 {
			t.Errorf("no life had: %s", what)
		}
	}
}
