package validators

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/test/e2e/rig"
)

// Three validators' probers find a worker that was killed within two epochs, while it
// still counts as reporting: it is offline with a mark and nothing else, and is back
// when it answers again. The probers' keys have no money; the validators pay.
func TestProbes(t *testing.T) {
	ctx := t.Context()
	n := network(t, Options{Validators: 3, Genesis: quickProbes})
	desk := n.Nodes[0]
	var workers []*rig.Worker
	for _, own := range n.Nodes[:2] {
		w, err := n.Miner(ctx, own)
		t.Cleanup(func() {
			if w != nil {
				w.Kill()
			}
		})
		require.NoError(t, err)
		workers = append(workers, w)
	}
	var hot []string
	for _, node := range n.Nodes {
		p, key, err := node.Sidecar(ctx)
		require.NoError(t, err)
		t.Cleanup(func() {
			p.Kill()
			if t.Failed() {
				t.Logf("the prober of %s said:\n%s", node.Name, rig.Tail(p.Output(), 30))
			}
		})
		hot = append(hot, key)
	}
	// closed waits for an epoch, from one on, that came to what is wanted.
	closed := func(from int64, what string, fits func(Epoch) bool) (found Epoch) {
		require.NoError(t, rig.Eventually(ctx, 90*time.Second, what, func() (bool, error) {
			newest, err := desk.Epoch(ctx, 0)
			if err != nil {
				return false, err
			}
			for number := from; number <= int64(newest.Number); number++ {
				if found, err = desk.Epoch(ctx, number); err != nil {
					return false, err
				}
				if found.Closed() && fits(found) {
					return true, nil
				}
			}
			return false, fmt.Errorf("the newest is %+v", newest)
		}))
		return found
	}
	e := closed(1, "both workers answer all validators", func(e Epoch) bool { return e.Reports == 3 && e.Answered == 2 })
	require.Equal(t, 2, e.Targets)

	dead, alive := workers[0], workers[1]
	before, err := desk.Node(ctx, dead.Address)
	require.NoError(t, err)
	require.True(t, before.Online)
	newest, err := desk.Epoch(ctx, 0)
	require.NoError(t, err)
	dead.Kill()
	e = closed(int64(newest.Number), "the worker that was killed is found", func(e Epoch) bool { return e.Unreachable == 1 })
	require.LessOrEqual(t, int64(e.Number), int64(newest.Number)+2, "two epochs at most after the one in which it was killed")
	require.Equal(t, 1, e.Answered, "the other one is there")
	node, err := desk.Node(ctx, dead.Address)
	require.NoError(t, err)
	require.False(t, node.Online)
	require.Contains(t, node.Unavailable, "does not answer the validators' probes")
	require.Positive(t, int64(node.Reputation.NotThere))
	require.False(t, node.Jailed)
	require.Equal(t, before.Stake, node.Stake)
	other, err := desk.Node(ctx, alive.Address)
	require.NoError(t, err)
	require.True(t, other.Online)
	require.Zero(t, int64(other.Reputation.NotThere))

	require.NoError(t, dead.Start(ctx))
	require.NoError(t, rig.Eventually(ctx, 90*time.Second, "it is online again", func() (bool, error) {
		node, err := desk.Node(ctx, dead.Address)
		return node.Online, err
	}))
	for _, key := range hot {
		balance, err := desk.Balance(ctx, key)
		require.NoError(t, err)
		require.Zero(t, balance)
	}
	height, err := n.Height(ctx)
	require.NoError(t, err)
	compared, err := n.Agree(ctx, 1, height, n.Nodes...)
	require.NoError(t, err)
	require.Positive(t, compared)
}
