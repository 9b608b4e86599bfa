package keeper_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	sdk "github.com/cosmos/cosmos-sdk/types"

	computetypes "github.com/edgematrix/emc/x/compute/types"
	"github.com/edgematrix/emc/x/poc/types"
)

// A node that no validator reaches goes offline with the epoch, with a mark and
// without a slash, and comes back when it answers again.
func TestProbes(t *testing.T) {
	f := probing(newFixture(t, 4), 10, 10, 10, 10)
	good, dead, router := f.answering(1), f.answering(2), f.router(3, 1_000)
	silent, jailed := f.answering(4), f.answering(5)
	silent.node().ReportedAt, jailed.node().Jailed = 0, true
	e := f.opened()
	require.EqualValues(t, 3, e.Targets, "who does not report, or is jailed, is not probed")
	require.Len(t, e.Members, 4)
	require.EqualValues(t, 40, e.Bonded)

	list, err := f.query.Probes(f.ctx, &types.QueryProbesRequest{Validator: f.validator(0)})
	require.NoError(t, err)
	require.Equal(t, router.addr.String(), list.Probes[0].Node, "routers come first")
	require.True(t, list.Probes[0].Router)
	require.Equal(t, router.pubkey, list.Probes[0].Pubkey)
	require.Len(t, list.Probes, 3)
	require.True(t, list.Member)
	require.False(t, list.Reported)
	require.Equal(t, prober(0), list.Prober)

	for i := range 4 {
		f.reports(i, is(dead))
	}
	list, err = f.query.Probes(f.ctx, &types.QueryProbesRequest{Validator: f.validator(0)})
	require.NoError(t, err)
	require.True(t, list.Reported)
	require.Zero(t, dead.node().UnreachableSince, "not before the epoch is over")
	e = f.untilEpoch(types.PROBE_PHASE_CLOSED)
	require.Equal(t, []uint32{4, 2, 1, 0}, []uint32{e.Reports, e.Answered, e.Unreachable, e.Undecided})
	require.NotZero(t, dead.node().UnreachableSince)
	require.EqualValues(t, 1, dead.node().Reputation.ProbesFailed)
	require.Zero(t, good.node().UnreachableSince)
	require.Zero(t, router.node().UnreachableSince)
	require.True(t, f.compute.slashed.IsNil(), "nothing is slashed")
	g, err := f.k.ExportGenesis(f.ctx)
	require.NoError(t, err)
	require.Empty(t, g.ProbeTargets)
	require.Empty(t, g.ProbeReports)

	f.opened()
	for i := range 4 {
		f.reports(i, is(dead))
	}
	f.untilEpoch(types.PROBE_PHASE_CLOSED)
	require.EqualValues(t, 2, dead.node().Reputation.ProbesFailed, "a mark for each epoch")

	require.EqualValues(t, 3, f.opened().Targets, "it is probed on")
	for i := range 4 {
		f.reports(i, nil)
	}
	f.untilEpoch(types.PROBE_PHASE_CLOSED)
	require.Zero(t, dead.node().UnreachableSince)
	require.EqualValues(t, 2, dead.node().Reputation.ProbesFailed)
}

// What is concluded of a node, by who says that it failed: two thirds of the
// reporting power decide, from as many reporters and as much of the bonded power as
// the parameters want.
func TestVerdict(t *testing.T) {
	const no, yes, absent, skipped = 'n', 'y', '-', 's'
	for name, row := range map[string]struct {
		powers []int64
		say    string
		want   types.Verdict
	}{
		"all got an answer":                            {[]int64{1, 1, 1}, "yyy", types.VERDICT_ANSWERED},
		"nobody did":                                   {[]int64{1, 1, 1}, "nnn", types.VERDICT_UNREACHABLE},
		"a validator that lies alone":                  {[]int64{1, 1, 1, 1}, "nyyy", types.VERDICT_ANSWERED},
		"one who says of a dead node that it is there": {[]int64{1, 1, 1, 1}, "ynnn", types.VERDICT_UNREACHABLE},
		"two thirds exactly":                           {[]int64{1, 1, 1}, "nny", types.VERDICT_UNREACHABLE},
		"a little less":                                {[]int64{100, 99, 100}, "nny", types.VERDICT_ANSWERED},
		"by power, not by heads":                       {[]int64{8, 1, 1, 1}, "nyyy", types.VERDICT_UNREACHABLE},
		"heads without power":                          {[]int64{8, 1, 1, 1}, "ynnn", types.VERDICT_ANSWERED},
		"two reporters are too few":                    {[]int64{1, 1, 1}, "nn-", types.VERDICT_UNDECIDED},
		"who did not ask it did not report on it":      {[]int64{1, 1, 1}, "nns", types.VERDICT_UNDECIDED},
		"three with half of the power":                 {[]int64{1, 1, 1, 3}, "nnn-", types.VERDICT_UNREACHABLE},
		"three with less than half of it":              {[]int64{1, 1, 1, 4}, "nnn-", types.VERDICT_UNDECIDED},
		// While the others do not report, a cartel of a third less one still decides nothing.
		"a cartel and few others": {[]int64{32, 9, 9, 50}, "nyy-", types.VERDICT_ANSWERED},
		"a cartel and nobody":     {[]int64{16, 8, 8, 68}, "nnn-", types.VERDICT_UNDECIDED},
	} {
		t.Run(name, func(t *testing.T) {
			f := probing(newFixture(t, len(row.powers)), row.powers...)
			m := f.answering(1)
			other := f.answering(2) // so that nobody reports nothing
			f.opened()
			for i, say := range row.say {
				switch say {
				case yes:
					f.reports(i, nil)
				case no:
					f.reports(i, is(m))
				case skipped:
					require.NoError(t, f.tell(f.report(i, nil, is(m))))
				case absent:
				}
			}
			e := f.untilEpoch(types.PROBE_PHASE_CLOSED)
			require.Equal(t, row.want == types.VERDICT_UNREACHABLE, m.node().UnreachableSince != 0)
			require.Zero(t, other.node().UnreachableSince)
			if row.want == types.VERDICT_UNDECIDED {
				require.Positive(t, e.Undecided)
			}
		})
	}
}

// Every check of a report: each row is right but for one thing.
func TestReportRefused(t *testing.T) {
	for name, row := range map[string]struct {
		spoil func(f *fixture, m *types.MsgReportProbes)
		want  error
	}{
		"success":                            {func(*fixture, *types.MsgReportProbes) {}, nil},
		"error - a stranger":                 {func(_ *fixture, m *types.MsgReportProbes) { m.Prober = prober(9) }, types.ErrProber},
		"error - another validator's prober": {func(f *fixture, m *types.MsgReportProbes) { m.Prober = prober(1) }, types.ErrProber},
		"error - for another validator":      {func(f *fixture, m *types.MsgReportProbes) { m.Validator = f.validator(1) }, types.ErrProber},
		"error - the validator himself": {func(f *fixture, m *types.MsgReportProbes) {
			m.Prober = sdk.AccAddress(sdk.ValAddress([]byte{1})).String()
		}, types.ErrProber},
		"error - no validator":               {func(_ *fixture, m *types.MsgReportProbes) { m.Validator = "emc1" }, types.ErrNotValidator},
		"error - no prober":                  {func(_ *fixture, m *types.MsgReportProbes) { m.Prober = "" }, types.ErrProber},
		"error - an epoch to come":           {func(_ *fixture, m *types.MsgReportProbes) { m.Epoch++ }, types.ErrEpoch},
		"error - an epoch that is over":      {func(_ *fixture, m *types.MsgReportProbes) { m.Epoch-- }, types.ErrEpoch},
		"error - late":                       {func(f *fixture, _ *types.MsgReportProbes) { f.untilEpoch(types.PROBE_PHASE_CLOSED) }, types.ErrEpoch},
		"error - a replay in the next epoch": {func(f *fixture, _ *types.MsgReportProbes) { f.opened() }, types.ErrEpoch},
		"error - of what was not drawn":      {func(_ *fixture, m *types.MsgReportProbes) { m.Probed[0] |= 1 << 3 }, types.ErrInvalidReport},
		"error - of more than was drawn": {func(_ *fixture, m *types.MsgReportProbes) {
			m.Probed, m.Passed = append(m.Probed, 1), append(m.Passed, 1)
		}, types.ErrInvalidReport},
		"error - of unequal length":    {func(_ *fixture, m *types.MsgReportProbes) { m.Passed = nil }, types.ErrInvalidReport},
		"error - far too long":         {func(_ *fixture, m *types.MsgReportProbes) { m.Probed = make([]byte, 1<<16) }, types.ErrInvalidReport},
		"error - nothing probed":       {func(_ *fixture, m *types.MsgReportProbes) { m.Probed[0], m.Passed[0] = 0, 0 }, types.ErrInvalidReport},
		"error - an answer unasked":    {func(_ *fixture, m *types.MsgReportProbes) { m.Probed[0] = 1 }, types.ErrInvalidReport},
		"error - the key was revoked":  {func(f *fixture, _ *types.MsgReportProbes) { require.NoError(f, f.setProber(0, "")) }, types.ErrProber},
		"error - the key was replaced": {func(f *fixture, _ *types.MsgReportProbes) { require.NoError(f, f.setProber(0, prober(7))) }, types.ErrProber},
	} {
		t.Run(name, func(t *testing.T) {
			f := probing(newFixture(t, 3), 1, 1, 1)
			f.answering(1)
			f.answering(2)
			f.answering(3)
			f.opened()
			m := f.report(0, nil, nil)
			require.NoError(t, f.tell(m), "it was right")
			row.spoil(f, m)
			require.ErrorIs(t, f.tell(m), row.want)
		})
	}
}

func TestSetProber(t *testing.T) {
	f := newFixture(t, 2)
	own := sdk.AccAddress(sdk.ValAddress(f.mustValAddress(0))).String()
	require.ErrorIs(t, f.setProber(0, own), types.ErrProber, "a key that can do everything is no hot key")
	require.ErrorIs(t, f.setProber(0, "x"), types.ErrProber)
	require.ErrorIs(t, f.setProber(0, ""), types.ErrProber, "there is none")
	_, err := f.msg.SetProber(f.ctx, &types.MsgSetProber{Validator: sdk.ValAddress("nobody--------------").String(), Prober: prober(0)})
	require.ErrorIs(t, err, types.ErrNotValidator)
	_, err = f.msg.SetProber(f.ctx, &types.MsgSetProber{Validator: "x", Prober: prober(0)})
	require.ErrorIs(t, err, types.ErrNotValidator)
	require.NoError(t, f.setProber(0, prober(0)))
	require.NoError(t, f.setProber(1, prober(0)), "one key may serve two validators")
	list, err := f.query.Probers(f.ctx, &types.QueryProbersRequest{})
	require.NoError(t, err)
	require.Len(t, list.Probers, 2)
	require.NoError(t, f.setProber(0, ""))
	list, err = f.query.Probers(f.ctx, &types.QueryProbersRequest{})
	require.NoError(t, err)
	require.Equal(t, []types.Prober{{Validator: f.validator(1), Prober: prober(0)}}, list.Probers)
}

func (f *fixture) mustValAddress(i int) sdk.ValAddress {
	f.Helper()
	addr, err := sdk.ValAddressFromBech32(f.validator(i))
	require.NoError(f, err)
	return addr
}

// A thief of hot keys reports lies; the validators take the keys back and report the
// truth with others, which counts.
func TestStolenKeys(t *testing.T) {
	f := probing(newFixture(t, 3), 1, 1, 1)
	m, _ := f.answering(1), f.answering(2)
	f.opened()
	for i := range 3 {
		f.reports(i, is(m)) // the thief
		require.NoError(t, f.setProber(i, prober(10+i)))
		truth := f.report(i, nil, nil)
		truth.Prober = prober(10 + i)
		require.NoError(t, f.tell(truth))
	}
	e := f.untilEpoch(types.PROBE_PHASE_CLOSED)
	require.EqualValues(t, 3, e.Reports)
	require.Zero(t, m.node().UnreachableSince)
}

// Who may report, and with which power, is as it was when the epoch began.
func TestValidatorsChangeWithinAnEpoch(t *testing.T) {
	f := probing(newFixture(t, 5), 10, 10, 10)
	m, _ := f.answering(1), f.answering(2)
	f.opened()
	f.power(3, 1_000)
	require.NoError(t, f.setProber(3, prober(3)))
	require.ErrorIs(t, f.tell(f.report(3, nil, nil)), types.ErrEpoch, "he joined too late")
	f.power(0, 1)
	gone := f.staking.list[1]
	f.staking.list[1].Tokens, f.staking.list[1].Status = gone.Tokens.SubRaw(gone.Tokens.Int64()), 1
	for i := range 2 {
		f.reports(i, is(m))
	}
	f.reports(2, nil)
	f.untilEpoch(types.PROBE_PHASE_CLOSED)
	require.NotZero(t, m.node().UnreachableSince, "two of three equal reports")
	e := f.opened()
	require.EqualValues(t, 1+10+1_000, e.Bonded)
	require.Len(t, e.Members, 3)
}

// A validator who never reports is missed like one who is not there: nothing is
// taken from him, and without enough of them nothing is concluded. Who was found
// unreachable before is let off then.
func TestProbersThatNeverReport(t *testing.T) {
	f := probing(newFixture(t, 3), 1, 1, 1)
	m, _ := f.answering(1), f.answering(2)
	f.opened()
	for i := range 3 {
		f.reports(i, is(m))
	}
	f.untilEpoch(types.PROBE_PHASE_CLOSED)
	require.NotZero(t, m.node().UnreachableSince)
	f.opened()
	f.reports(0, is(m))
	e := f.untilEpoch(types.PROBE_PHASE_CLOSED)
	require.EqualValues(t, 2, e.Undecided)
	require.Zero(t, m.node().UnreachableSince, "a mark lasts as long as probes confirm it")

	// The same when there are no probers at all any more; and then nobody is drawn.
	f.opened()
	for i := range 3 {
		f.reports(i, is(m))
		require.NoError(t, f.setProber(i, ""))
	}
	f.untilEpoch(types.PROBE_PHASE_CLOSED)
	require.NotZero(t, m.node().UnreachableSince)
	before := f.epoch().Number
	for f.epoch().Number == before {
		f.next(nil)
	}
	e = f.epoch()
	require.EqualValues(t, 1, e.Targets)
	require.Equal(t, types.PROBE_PHASE_CLOSED, e.Phase)
	require.Zero(t, m.node().UnreachableSince)
	for f.epoch().Number == e.Number {
		f.next(nil)
	}
	require.Zero(t, f.epoch().Targets)
}

// Who stops, and reports no longer, is not blamed; who is marked keeps the mark over
// such a break.
func TestWhoStopsIsNotMarked(t *testing.T) {
	f := probing(newFixture(t, 3), 1, 1, 1)
	m, router, retires, _ := f.answering(1), f.router(2, 1_000), f.answering(3), f.answering(4)
	all := func(n *computetypes.Node) bool { return is(m)(n) || is(router)(n) || is(retires)(n) }
	f.opened()
	for i := range 3 {
		f.reports(i, all)
	}
	m.node().ReportedAt, router.node().Jailed = 0, true
	require.NoError(t, f.compute.retire(f.ctx, retires.addr))
	e := f.untilEpoch(types.PROBE_PHASE_CLOSED)
	require.EqualValues(t, 3, e.Undecided)
	require.Zero(t, m.node().UnreachableSince)
	require.Zero(t, router.node().UnreachableSince)

	m.node().ReportedAt = 1
	f.opened()
	for i := range 3 {
		f.reports(i, is(m))
	}
	f.untilEpoch(types.PROBE_PHASE_CLOSED)
	require.NotZero(t, m.node().UnreachableSince)
	f.opened()
	m.node().ReportedAt = 0
	f.untilEpoch(types.PROBE_PHASE_CLOSED)
	require.NotZero(t, m.node().UnreachableSince, "a break does not lift a mark")
	require.NoError(t, f.compute.retire(f.ctx, m.addr))
	require.NoError(t, f.k.CheckInvariants(f.ctx), "nothing is kept of who is gone")
}

// A node that cannot be marked is reported and left behind; the epoch goes on.
func TestProbeErrorIsIsolated(t *testing.T) {
	f := probing(newFixture(t, 3), 1, 1, 1)
	broken, dead, _ := f.answering(1), f.answering(2), f.answering(3)
	f.compute.fail = map[string]error{broken.addr.String(): fmt.Errorf("broken")}
	f.opened()
	for i := range 3 {
		f.reports(i, func(n *computetypes.Node) bool { return is(broken)(n) || is(dead)(n) })
	}
	e := f.untilEpoch(types.PROBE_PHASE_CLOSED)
	require.EqualValues(t, 1, e.Unreachable)
	require.NotZero(t, dead.node().UnreachableSince)
}
