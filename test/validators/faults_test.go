package validators

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/test/e2e/rig"
)

// fault is what happens to a validator, and how it comes back.
type fault struct {
	name  string
	begin func(*Node)
	end   func(*Node) error
}

// faults are the three ways in which a validator is gone: its machine dies, it
// hangs with its connections open, or the network loses it. The first one's
// connections are reset, which takes CometBFT seconds to mend, the others' go silent.
func faults(t *testing.T, n *Net) []fault {
	return []fault{
		{"killed", (*Node).Kill, func(v *Node) error { return v.Start(t.Context()) }},
		{"paused", (*Node).Pause, func(v *Node) error { v.Resume(); return nil }},
		{
			"cut off",
			func(v *Node) {
				if v == n.Nodes[0] {
					n.CutOff(v)
				} else {
					n.HoldOff(v)
				}
			},
			func(v *Node) error { n.Heal(v); return nil },
		},
	}
}

// Each of four validators is killed, paused and cut off in turn while jobs run,
// and then two at once. Three go on; two do not, and nothing is lost by that. One
// of them is the only node that the worker knows.
func TestValidatorsFail(t *testing.T) {
	t.Parallel()
	watch := stopwatch{last: time.Now()}
	n := files(t, Options{Commit: 200 * time.Millisecond, Comet: Settings{"consensus.timeout_propose": "500ms"}})
	desk, err := n.Add(t.Context(), "desk", nil, nil)
	require.NoError(t, err)
	require.NoError(t, n.Start(t.Context()))
	watch.lap("network")
	tr := opened(t, n, desk)
	watch.lap("trade")
	validators := n.Nodes[:4]

	for _, f := range faults(t, n) {
		for _, victim := range validators {
			tr.without(f, victim)
		}
	}
	watch.lap("one down")
	tr.halted(validators[1], validators[2])
	watch.lap("two down")
	tr.finish()
	tr.agree(validators)
	watch.lap("books")
	t.Logf("in all:%s", watch.laps)
}

// blocks is how many have to be made without the one that is gone.
const blocks = 3

// without takes one validator away, sees that blocks and jobs go on, brings it
// back, and sees it take part again.
func (tr *trade) without(f fault, victim *Node) {
	tr.Helper()
	ctx := tr.Context()
	id := tr.identity(victim)
	watch := stopwatch{last: time.Now()}
	tr.running()
	watch.lap("a job runs")
	from, done := tr.height(), tr.done.Load()
	f.begin(victim)
	tr.eventually(fmt.Sprintf("%d blocks without %s", blocks, victim.Name), func() (bool, error) {
		to, err := tr.desk.Status(ctx)
		if err != nil || to.Height < from+blocks {
			return false, err
		}
		signed, err := tr.signers(ctx, to.Height-1)
		return err == nil && len(signed) == 3 && !slices.Contains(signed, id), err
	})
	watch.lap("blocks")
	if victim != tr.net.Nodes[0] { // the worker's eyes are shut until its node is back
		tr.exceeds(done)
	}
	tr.check()
	watch.lap("job done")

	done = tr.done.Load()
	require.NoError(tr, f.end(victim))
	tr.back(victim, id)
	watch.lap("back")
	if victim == tr.net.Nodes[0] {
		tr.exceeds(done)
	}
	tr.check()
	watch.lap("job done")
	tr.Logf("%s %s:%s", victim.Name, f.name, watch.laps)
}

// stopwatch tells how long each part of a test took.
type stopwatch struct {
	last time.Time
	laps string
}

func (w *stopwatch) lap(what string) {
	now := time.Now()
	w.laps += fmt.Sprintf(" %s %s,", what, now.Sub(w.last).Round(100*time.Millisecond))
	w.last = now
}

// back waits until a validator has all blocks and signs new ones.
func (tr *trade) back(victim *Node, id string) {
	tr.Helper()
	ctx := tr.Context()
	goal := tr.height()
	tr.eventually(victim.Name+" catches up", func() (bool, error) {
		s, err := victim.Status(ctx)
		return err == nil && !s.CatchingUp && s.Height >= goal, err
	})
	tr.eventually(victim.Name+" signs again", func() (bool, error) {
		s, err := tr.desk.Status(ctx)
		if err != nil || s.Height <= goal {
			return false, err
		}
		signed, err := tr.signers(ctx, s.Height-1)
		return slices.Contains(signed, id), err
	})
}

// halted takes two of four validators away: no block is made. With one of them
// the network goes on, with all that was under way.
func (tr *trade) halted(killed, paused *Node) {
	tr.Helper()
	ids := map[*Node]string{killed: tr.identity(killed), paused: tr.identity(paused)}
	before := tr.done.Load()
	tr.running()
	killed.Kill()
	paused.Pause()
	// What was decided before they went may still arrive.
	last := tr.height()
	quiet := time.Now()
	tr.eventually("no block for some seconds", func() (bool, error) {
		if h := tr.height(); h > last {
			last, quiet = h, time.Now()
		}
		return time.Since(quiet) > 4*time.Second, nil
	})
	tr.check()
	caught, err := tr.open()
	require.NoError(tr, err)
	require.NotEmpty(tr, caught, "the halt came in the middle of jobs")

	dark := time.Now()
	require.NoError(tr, killed.Start(tr.Context()))
	tr.back(killed, ids[killed])
	// On a slow machine four seconds without a block prove little, but this does: a
	// block's time is the one at which the block before was voted for. The votes for the
	// next block may have been cast when they were there, and only arrive now; those for
	// the one after it cannot.
	require.NoError(tr, tr.desk.WaitHeight(tr.Context(), last+3, patience))
	next, err := tr.desk.Header(tr.Context(), last+3)
	require.NoError(tr, err)
	require.True(tr, next.Time.After(dark), "block %d was decided while two of four were away", last+2)
	tr.check()
	paused.Resume()
	tr.back(paused, ids[paused])
	for _, job := range caught {
		j, err := tr.desk.WaitClosed(tr.Context(), job.ID, patience)
		require.NoError(tr, err)
		require.Equal(tr, rig.Completed, j.Status, j.Reason)
	}
	tr.exceeds(before + 1)
	tr.check()
}

// agree checks that all have the same blocks and app hashes from the first to
// the newest that all have.
func (tr *trade) agree(validators []*Node) {
	tr.Helper()
	to := tr.height()
	for _, v := range tr.net.Nodes {
		require.NoError(tr, v.WaitHeight(tr.Context(), to, patience))
	}
	for _, v := range validators {
		compared, err := tr.net.Agree(tr.Context(), 1, to, tr.desk, v)
		require.NoError(tr, err)
		require.EqualValues(tr, to, compared, "%s lacks blocks", v.Name)
	}
	tr.Logf("%d heights agree", to)
}

func (tr *trade) height() int64 {
	tr.Helper()
	s, err := tr.desk.Status(tr.Context())
	require.NoError(tr, err)
	return s.Height
}

func (tr *trade) identity(v *Node) string {
	tr.Helper()
	s, err := v.Status(tr.Context())
	require.NoError(tr, err)
	require.Positive(tr, s.VotingPower)
	return s.Consensus
}

// signers are the validators whose votes for a block are in the next one.
func (tr *trade) signers(ctx context.Context, height int64) ([]string, error) {
	var answer struct {
		Signed struct {
			Commit struct {
				Signatures []struct {
					Flag    int    `json:"block_id_flag"`
					Address string `json:"validator_address"`
				} `json:"signatures"`
			} `json:"commit"`
		} `json:"signed_header"`
	}
	if err := tr.desk.rpc(ctx, fmt.Sprintf("commit?height=%d", height), &answer); err != nil {
		return nil, err
	}
	const forBlock = 2 // BLOCK_ID_FLAG_COMMIT
	var out []string
	for _, s := range answer.Signed.Commit.Signatures {
		if s.Flag != forBlock {
			continue
		}
		if _, err := hex.DecodeString(s.Address); err != nil || s.Address == "" {
			return nil, fmt.Errorf("commit %d: address %q", height, s.Address)
		}
		out = append(out, strings.ToUpper(s.Address))
	}
	return out, nil
}
