package app_test

import (
	"maps"
	"slices"

	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/stretchr/testify/require"

	sdk "github.com/cosmos/cosmos-sdk/types"

	computetypes "github.com/edgematrix/emc/x/compute/types"
)

// watch counts what happened. An entry of the agenda that failed is an error of
// the module, whatever the module makes of it.
func (p *play) watch(events []abci.Event) {
	p.t.Helper()
	for _, event := range events {
		// What baseapp adds to an event is no field of it.
		event.Attributes = slices.DeleteFunc(slices.Clone(event.Attributes), func(a abci.EventAttribute) bool { return a.Key == "mode" || a.Key == "msg_index" })
		parsed, err := sdk.ParseTypedEvent(event)
		if err != nil {
			require.NotContains(p.t, event.Type, "emc.", "an event that cannot be read: %s", err)
			p.ledger.watch(event)
			continue
		}
		switch e := parsed.(type) {
		case *computetypes.EventJobClosed:
			p.count.closed[e.Status]++
		case *computetypes.EventJobScheduled:
			if e.Attempt > 1 {
				p.count.passedOn++
			}
		case *computetypes.EventStandstill:
			p.count.standstills++
		case *computetypes.EventNodeRetired:
			p.count.retired++
		case *computetypes.EventNodeUnjailed:
			p.count.unjailed++
		case *computetypes.EventUnbonded:
			p.count.unbonded++
		case *computetypes.EventQueueError:
			p.t.Fatalf("entry %s of the agenda failed: %s", e.Entry, e.Error)
		default:
			p.watchProving(parsed)
			p.watchTrading(parsed)
			p.watchSockets(parsed)
		}
	}
}

// requireInvariants holds the modules' rules, that every coin has an owner, and
// that none came from nowhere.
func (p *play) requireInvariants() {
	p.t.Helper()
	ctx := p.context()
	require.NoError(p.t, p.app.ComputeKeeper.CheckInvariants(ctx), "after block %d", p.app.LastBlockHeight())
	require.NoError(p.t, p.app.PocKeeper.CheckInvariants(ctx), "after block %d", p.app.LastBlockHeight())
	require.NoError(p.t, p.app.MarketKeeper.CheckInvariants(ctx), "after block %d", p.app.LastBlockHeight())
	require.NoError(p.t, p.app.SocketKeeper.CheckInvariants(ctx), "after block %d", p.app.LastBlockHeight())
	p.requireLedger()
	held := sdk.NewInt64Coin(computetypes.Denom, 0)
	p.app.BankKeeper.IterateAllBalances(ctx, func(_ sdk.AccAddress, coin sdk.Coin) bool {
		if coin.Denom == computetypes.Denom {
			held = held.Add(coin)
		}
		return false
	})
	require.Equal(p.t, p.app.BankKeeper.GetSupply(ctx, computetypes.Denom).String(), held.String(), "the supply is not what all have together")
}

// missing names what has not happened yet.
func (p *play) missing() []string {
	c := p.count
	out := p.untried()
	all := c.proving.all()
	maps.Copy(all, c.trading.all())
	maps.Copy(all, c.sockets.all())
	for what, n := range all {
		if n == 0 {
			out = append(out, what)
		}
	}
	for what, n := range map[string]int{
		"a job completed": c.closed[computetypes.JOB_STATUS_COMPLETED], "a job failed": c.closed[computetypes.JOB_STATUS_FAILED],
		"a job cancelled": c.closed[computetypes.JOB_STATUS_CANCELLED], "a job expired": c.closed[computetypes.JOB_STATUS_EXPIRED],
		"a job passed on": c.passedOn, "a standstill": c.standstills, "a node retired": c.retired, "a node unjailed": c.unjailed,
		"an unbonding completed": c.unbonded, "parameters changed": c.paramChanges,
	} {
		if n == 0 {
			out = append(out, what)
		}
	}
	slices.Sort(out)
	return out
}

// requireLife makes sure that the play was one: every end of a job occurred,
// and most of what was sent was accepted.
func (p *play) requireLife() {
	p.t.Helper()
	c := p.count
	p.t.Logf("%d transactions, %d of them refused as expected, %d operations skipped; jobs: %d completed, %d failed, %d cancelled, %d expired, %d passed on; "+
		"nodes: %d retired, %d unjailed, %d unbondings; %d standstills, %d changes of parameters", c.sent, c.refused, c.skipped,
		c.closed[computetypes.JOB_STATUS_COMPLETED], c.closed[computetypes.JOB_STATUS_FAILED], c.closed[computetypes.JOB_STATUS_CANCELLED],
		c.closed[computetypes.JOB_STATUS_EXPIRED], c.passedOn, c.retired, c.unjailed, c.unbonded, c.standstills, c.paramChanges)
	p.t.Logf("proving: %+v; trading: %+v; sockets: %+v", c.proving, c.trading, c.sockets)
	require.Empty(p.t, p.missing(), "this never happened: the play proves nothing about it")
	if c.sent == 0 || 2*c.refused > c.sent {
		p.t.Errorf("%d of %d transactions were refused", c.refused, c.sent)
	}
}
