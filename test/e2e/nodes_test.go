package e2e

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/test/e2e/rig"
)

// deposit is what a registration locks, in uemc.
const deposit = 1_000_000

// staked is the stake of the worker that retires, in uemc.
const staked = 10_000_000

// Two workers: the cheaper one is chosen, drains, comes back, retires; the next
// job goes to the other.
func TestCheaperThenRetired(t *testing.T) { each(t, cheaperThenRetired) }

func cheaperThenRetired(t *testing.T, p program) {
	s := newStage(t, shared).running(p)
	region := market(p, "FJ", "WS")
	dear := s.worker("--price", "0.72emc", "--region", region)
	cheap := s.worker("--price", "0.36emc", "--region", region, "--stake", fmt.Sprintf("%duemc", staked))
	runs := func(on *rig.Worker) {
		t.Helper()
		sum, _, err := s.customer.Run(s.ctx, s.order(nil, "echo", "x", "--region", region))
		require.NoError(t, err)
		require.Equal(t, on.Address, sum.Node)
		s.check()
	}
	runs(cheap)

	_, err := cheap.Run(s.ctx, "drain")
	require.NoError(t, err)
	s.accepting(cheap, false)
	runs(dear)
	_, _, err = s.customer.Run(s.ctx, s.order(cheap, "echo", "x"))
	require.Error(t, err, "a draining node takes no job, even when it is named")
	_, err = cheap.Run(s.ctx, "drain", "--off")
	require.NoError(t, err)
	s.accepting(cheap, true)

	// With work running it stays, and says why.
	sum, _, err := s.customer.Submit(s.ctx, s.order(cheap, "spin", "0"))
	require.NoError(t, err)
	_, err = s.net.WaitJob(s.ctx, sum.Job, patience, rig.Running)
	require.NoError(t, err)
	owner := []string{"--from", "operator", "--keyring-backend", "test", "--keyring-home", cheap.Home}
	refused, err := cheap.Run(s.ctx, append([]string{"retire"}, owner...)...)
	require.Error(t, err)
	t.Logf("refused: %s", rig.Tail(refused.Err, 3))
	_, err = s.net.Node(s.ctx, cheap.Address)
	require.NoError(t, err, "it is still there")
	s.check()
	_, err = s.net.Emcd(s.ctx, "job", "cancel", sum.Job, "--from", s.customer.Key, "--keyring-backend", "test", "--yes")
	require.NoError(t, err)
	_, err = s.net.WaitClosed(s.ctx, sum.Job, patience)
	require.NoError(t, err)
	s.settle()

	// Idle it leaves: the deposit comes back at once, the stake after its time, the grant is gone.
	till, err := s.net.Open(s.ctx, cheap.Operator)
	require.NoError(t, err)
	_, err = cheap.Run(s.ctx, append([]string{"retire"}, owner...)...)
	require.NoError(t, err)
	_, err = s.net.Node(s.ctx, cheap.Address)
	require.ErrorIs(t, err, rig.ErrNotFound)
	s.check()
	s.returned(till, cheap, "the deposit has come back", func(got int64) bool { return got >= deposit })
	require.False(t, s.granted(cheap), "the fee grant is revoked")
	runs(dear)
	s.returned(till, cheap, "the stake has come back", func(got int64) bool { return got == deposit+staked })
	s.check()
}

// returned waits until so much of a retired worker's money is the operator's
// again. What is not his yet is unbonding, at one and the same height: how long
// this machine took to ask does not matter.
func (s *stage) returned(till rig.Account, w *rig.Worker, what string, enough func(got int64) bool) {
	s.Helper()
	require.NoError(s, rig.Eventually(s.ctx, patience, what, func() (bool, error) {
		height, err := s.net.Height(s.ctx)
		if err != nil {
			return false, err
		}
		got, err := s.net.SinceAt(s.ctx, till, height)
		if err != nil {
			return false, err
		}
		unbonding, err := s.net.UnbondingAt(s.ctx, w.Address, height)
		if err != nil {
			return false, err
		}
		return enough(got) && got+unbonding == deposit+staked, fmt.Errorf("%d uemc are back and %d unbonding", got, unbonding)
	}))
}

func (s *stage) accepting(w *rig.Worker, want bool) {
	s.Helper()
	require.NoError(s, rig.Eventually(s.ctx, patience, fmt.Sprintf("accepting is %t", want), func() (bool, error) {
		n, err := s.net.Node(s.ctx, w.Address)
		return n.Accepting == want, err
	}))
}

// granted tells whether the operator still pays the worker's fees.
func (s *stage) granted(w *rig.Worker) bool {
	s.Helper()
	var answer struct {
		Allowances []struct{} `json:"allowances"`
	}
	_, err := s.net.Get(s.ctx, "/cosmos/feegrant/v1beta1/allowances/"+w.Address, 0, &answer)
	require.NoError(s, err)
	return len(answer.Allowances) > 0
}

// market is the region of a test's own workers on the shared network: another
// one for each runtime, since a worker that runs containers runs wasm, too.
func market(p program, forWasm, forDocker string) string {
	if p == docker {
		return forDocker
	}
	return forWasm
}

// A worker that is registered and never starts a job: the job goes to the
// second one, or is refunded when there is none.
func TestWorkerNeverStarts(t *testing.T) { each(t, workerNeverStarts) }

func workerNeverStarts(t *testing.T, p program) {
	s := newStage(t, shared).running(p)
	region := market(p, "TV", "TO")
	dead := s.worker("--price", "0.36emc", "--region", region)
	alive := s.worker("--price", "0.72emc", "--region", region)

	dead.Process().Pause()
	process, id := s.launched(s.order(nil, "echo", "x", "--region", region, "--max-price", "1emc"))
	require.NoError(t, rig.Eventually(s.ctx, patience, "a node that missed a start gets no job for a while", func() (bool, error) {
		n, err := s.net.Node(s.ctx, dead.Address)
		return n.Reputation.Missed == 1 && n.Unavailable != "", errors.Join(fmt.Errorf("%d missed: %q", n.Reputation.Missed, n.Unavailable), err)
	}))
	require.NoError(t, s.ended(process))
	j, err := s.net.Job(s.ctx, id)
	require.NoError(t, err)
	require.Equal(t, alive.Address, j.Node)
	require.Equal(t, []string{dead.Address}, j.TriedNodes)
	s.check()

	// Named alone: refunded in full.
	require.NoError(t, rig.Eventually(s.ctx, patience, "the suspension is over", func() (bool, error) {
		n, err := s.net.Node(s.ctx, dead.Address)
		return n.Unavailable == "", errors.Join(errors.New(n.Unavailable), err)
	}))
	sum, said, err := s.customer.Run(s.ctx, s.order(dead, "echo", "x"))
	require.Error(t, err)
	require.Equal(t, 4, said.Code, said.Err)
	j, err = s.net.Job(s.ctx, sum.Job)
	require.NoError(t, err)
	require.Equal(t, rig.Failed, j.Status)
	require.Zero(t, j.Paid.Amount)
	require.NotEmpty(t, j.Reason)
	dead.Process().Resume()
	s.settle()
}
