package keeper_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/x/compute/types"
)

// deadline is a job's deadline as the world outside reads it.
func (f *fixture) deadline(id string) int64 {
	f.t.Helper()
	answer, err := f.query.Job(f.ctx, &types.QueryJobRequest{Job: id})
	require.NoError(f.t, err)
	return answer.Job.Deadline
}

// An hour without blocks takes nothing from anybody: each deadline has as many
// seconds left as before, and a grace to find the chain again.
func TestStandstill(t *testing.T) {
	f, operator, customer, node := market(t)
	require.NoError(t, f.stake(operator, node, coin(20_000_000)))
	require.NoError(t, f.unstake(operator, node, 5_000_000))
	scheduled := f.mustSubmit(submission(customer))
	running := f.running(submission(customer))
	f.block(50) // 10 of the 60 seconds to acknowledge are left
	before := map[string]int64{scheduled.Job: f.deadline(scheduled.Job), running.Job: f.deadline(running.Job)}

	f.blockAfter(3600)
	lost := int64(3600 - types.MaxBlockGap)
	for id, at := range before {
		require.Equal(t, at+lost, f.deadline(id))
	}
	answer, err := f.query.Node(f.ctx, &types.QueryNodeRequest{Node: node})
	require.NoError(t, err)
	require.True(t, answer.Node.Online, "nobody could report")
	unbondings, err := f.query.Unbondings(f.ctx, &types.QueryUnbondingsRequest{Node: node})
	require.NoError(t, err)
	require.EqualValues(t, startTime+14*86400+lost, unbondings.Unbondings[0].CompletesAt)

	f.block(59) // the deadline has passed, the grace has not
	require.Equal(t, types.JOB_STATUS_SCHEDULED, f.job(scheduled.Job).Status)
	require.NoError(t, f.acknowledge(scheduled.Node, scheduled.Job, true))
	f.block(2)
	require.Equal(t, types.JOB_STATUS_READY, f.job(scheduled.Job).Status)

	// The run went on in the meantime, and is paid as far as it was measured.
	require.NoError(t, f.finish(running.Node, running.Job, receipt(600)))
	require.Equal(t, types.Bill(types.DefaultParams(), f.job(running.Job), 600_000, f.ctx.BlockTime().Unix()).String(), f.job(running.Job).Paid.Amount.String())

	// After that everything ends as ever.
	f.block(121)
	require.Equal(t, types.JOB_STATUS_FAILED, f.job(scheduled.Job).Status)
}

// A network that is slow for good cannot put off its deadlines for ever.
func TestStandstillIsNoWayOut(t *testing.T) {
	f, _, customer, _ := market(t)
	scheduled := f.mustSubmit(submission(customer))
	// A network with a block every 30 seconds stands still for 20 of each 30:
	// its deadlines come late, but they come.
	for range 60 {
		f.blockAfter(30)
	}
	require.Equal(t, types.JOB_STATUS_FAILED, f.job(scheduled.Job).Status)
}

func TestClock(t *testing.T) {
	at := func(c types.Clock, seconds ...int64) types.Clock {
		for _, s := range seconds {
			c = c.Next(c.BlockTime+s, 60)
		}
		return c
	}
	start := types.Clock{}.Next(1000, 60)
	for name, test := range map[string]struct {
		clock types.Clock
		want  types.Clock
	}{
		"first block":        {start, types.Clock{BlockTime: 1000}},
		"usual blocks":       {at(start, 1, 5, 10), types.Clock{BlockTime: 1016}},
		"a halt":             {at(start, 110), types.Clock{BlockTime: 1110, Standstill: 100, GraceUntil: 1070, GraceFrom: 1000}},
		"a halt in grace":    {at(start, 110, 30), types.Clock{BlockTime: 1140, Standstill: 120, GraceUntil: 1070, GraceFrom: 1000}},
		"grace ends":         {at(start, 110, 10, 10, 10, 10, 10, 30), types.Clock{BlockTime: 1190, Standstill: 120, GraceUntil: 1070, GraceFrom: 1000}},
		"an older day":       {at(start, -500, 110), types.Clock{BlockTime: 1110, Standstill: 100, GraceUntil: 1070, GraceFrom: 1000}},
		"another after that": {at(start, 110, 10, 10, 10, 10, 10, 30, 30), types.Clock{BlockTime: 1220, Standstill: 140, GraceUntil: 1140, GraceFrom: 1070}},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, test.want, test.clock) })
	}
	require.Zero(t, at(start, 110).Job(types.Job{}).Deadline, "never stays never")
}
