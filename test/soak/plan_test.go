package soak

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/test/e2e/rig"
)

// A seed always makes the same schedule; another seed another one.
func TestPlanFollowsFromItsSeed(t *testing.T) {
	seen := map[string]bool{}
	for seed := range uint64(200) {
		s := Plan(seed)
		require.Equal(t, s, Plan(seed))
		s.Seed = 0
		seen[s.String()] = true
	}
	require.Greater(t, len(seen), 195, "seeds make different schedules")
}

// A thousand schedules hit everybody at every step in every way, and ask
// nothing that cannot be.
func TestPlanCovers(t *testing.T) {
	blows, ways, verbs, then := map[Who]map[Step]int{}, map[How]int{}, map[string]int{}, map[Then]int{}
	chains, stumbles := 0, 0
	for seed := range uint64(1000) {
		s := Plan(seed)
		require.NotEmpty(t, s.Blows)
		last := map[Who]Step{}
		for _, b := range s.Blows {
			if blows[b.Who] == nil {
				blows[b.Who] = map[Step]int{}
			}
			blows[b.Who][b.Step]++
			ways[b.How]++
			require.GreaterOrEqual(t, b.Step, last[b.Who], "%s: in order", s)
			last[b.Who] = b.Step
			require.LessOrEqual(t, b.Down, 30*time.Second)
			require.Positive(t, b.Down+b.After+1)
			if b.Stumble > 0 {
				stumbles++
			}
		}
		require.LessOrEqual(t, len(s.Of(Chain)), 1)
		chains += len(s.Of(Chain))
		verbs[s.Task.Verb]++
		then[s.Then]++
		if s.Then == Leaves {
			require.NotEmpty(t, s.Of(Customer), "%s: he leaves when he is hit", s)
		}
		require.NotEmpty(t, s.Task.Verb)
		require.NotEmpty(t, s.Task.Reason)
	}
	for _, who := range []Who{Worker, Chain, Customer} {
		for step := Before; step < Closed; step++ {
			require.Positive(t, blows[who][step], "%s at %s", who, step)
		}
	}
	require.Positive(t, blows[Worker][Closed])
	for _, how := range []How{Kill, Term, Pause} {
		require.Greater(t, ways[how], 100, how)
	}
	require.InDelta(t, 125, chains, 50, "chain kills")
	require.Positive(t, stumbles)
	for _, verb := range []string{"echo", "spin", "think", "exit", "alloc", "write", "files"} {
		require.Positive(t, verbs[verb], verb)
	}
	for _, way := range []Then{Stays, Leaves, Cancels} {
		require.Greater(t, then[way], 50, way)
	}
}

// job is a closed job of a worker with 36 EMC an hour, which is 10,000 uemc a second.
func job(status string, paid int64, change func(*rig.Job)) rig.Job {
	j := rig.Job{ID: "j", Status: status, MaxSeconds: 60, MaxPrice: rig.Coin{Amount: 600_000}, SlotHourPrice: rig.Coin{Amount: 36_000_000}, StartedAt: 100, FinishedAt: 110, ClosedAt: 120}
	j.Receipt = &rig.Receipt{Reason: exited}
	j.Receipt.Usage.WallMillis = 2001
	j.Paid.Amount, j.Refunded.Amount = rig.Int(paid), rig.Int(600_000-paid)
	if change != nil {
		change(&j)
	}
	return j
}

// The judge knows a legal end from an illegal one, and the price of each.
func TestJudge(t *testing.T) {
	task := Task{Reason: exited, MaxTime: time.Minute}
	usual, gone, cancels := Schedule{Then: Stays, Task: task}, Schedule{Then: Leaves, Task: task}, Schedule{Then: Cancels, Task: task}
	short, long := Away{Worker: 2 * time.Second, Customer: time.Minute}, Away{Worker: 3 * time.Second, Chain: 3 * time.Second}
	unstarted := func(j *rig.Job) { j.StartedAt = 0 }
	for _, tc := range []struct {
		name string
		s    Schedule
		j    rig.Job
		away Away
		says string
	}{
		{"success - completed", usual, job(rig.Completed, 30_000, nil), Away{}, ""},
		{"success - the chain saw less", usual, job(rig.Completed, 10_000, func(j *rig.Job) { j.FinishedAt = 101 }), Away{}, ""},
		{"success - minimum fee", usual, job(rig.Completed, 5_000, func(j *rig.Job) { j.FinishedAt = 100 }), Away{}, ""},
		{"success - maximum", usual, job(rig.Completed, 600_000, func(j *rig.Job) { j.FinishedAt, j.Receipt.Usage.WallMillis = 300, 300_000 }), Away{}, ""},
		{"success - failed before the start, all were away for long", usual, job(rig.Failed, 0, unstarted), long, ""},
		{"success - failed after it, the worker was away for most of its time", usual, job(rig.Failed, 0, nil), Away{Worker: 40 * time.Second}, ""},
		{"success - expired, the customer was away", usual, job(rig.Expired, 2_500, nil), short, ""},
		{"success - expired, he left", gone, job(rig.Expired, 2_500, nil), Away{}, ""},
		{"success - cancelled", cancels, job(rig.Cancelled, 200_000, nil), Away{}, ""},
		{"success - cancelled before the start", cancels, job(rig.Cancelled, 2_500, unstarted), Away{}, ""},
		{"error - failed for nothing", usual, job(rig.Failed, 0, unstarted), short, "does not allow"},
		{"error - the worker came back in time and forgot the run", usual, job(rig.Failed, 0, nil), Away{Worker: 39 * time.Second}, "does not allow"},
		{"error - expired for nothing", usual, job(rig.Expired, 2_500, nil), Away{}, "does not allow"},
		{"error - cancelled by nobody", usual, job(rig.Cancelled, 200_000, nil), long, "does not allow"},
		{"error - open", usual, job(rig.Finished, 0, nil), long, "does not allow"},
		{"error - paid too much", usual, job(rig.Completed, 30_001, nil), Away{}, "expected 30000"},
		{"error - paid too little", usual, job(rig.Completed, 20_000, nil), Away{}, "expected 30000"},
		{"error - money lost", usual, job(rig.Completed, 30_000, func(j *rig.Job) { j.Refunded.Amount-- }), Away{}, "refunded"},
		{"error - failed and paid", usual, job(rig.Failed, 5_000, unstarted), long, "expected 0"},
		{"error - another end of the run", usual, job(rig.Completed, 30_000, func(j *rig.Job) { j.Receipt.Reason = memory }), Away{}, "run ended"},
		{"error - another exit code", usual, job(rig.Completed, 30_000, func(j *rig.Job) { j.Receipt.ExitCode = 1 }), Away{}, "run ended"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := Judge(tc.s, tc.j, tc.away)
			if tc.says == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tc.says)
		})
	}
}

// A broken rule makes the report fail, and the reasons are counted by kind.
func TestReport(t *testing.T) {
	r := newReport(7, 1)
	r.add(Result{End: "completed", Paid: 5, Hits: []Blow{{Who: Worker, Step: Running, How: Kill}}, Kills: map[Who]int{Worker: 2}})
	require.Empty(t, r.Failed)
	for _, seconds := range []string{"12", "15"} {
		r.add(Result{Schedule: Schedule{Seed: 8}, End: "failed", Reason: "emc1abc9 was away for " + seconds + "s", Wrong: []string{"x"}})
	}
	require.Equal(t, 3, r.Schedules)
	require.Equal(t, map[string]int{"failed: NODE was away for Ns": 2}, r.Reasons)
	require.Equal(t, map[string]int{"running": 1}, r.ByStep)
	require.Equal(t, map[Who]int{Worker: 2}, r.Kills)
	require.Equal(t, 2, r.Violations)
	require.Equal(t, []Failure{{8, []string{"x"}}, {8, []string{"x"}}}, r.Failed)
}

// The oracle's generator makes the published first number after 1.
func TestOracle(t *testing.T) {
	require.Equal(t, uint64(1082269761), xorshift(1))
	o := newOracle()
	require.Equal(t, uint64(1), o.spin("0"))
	first := o.spin("1")
	require.NotEqual(t, uint64(1), first)
	require.Equal(t, first, o.spin("1"))
}
