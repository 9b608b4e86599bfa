package validators

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A network is exported in the middle of its jobs and begins anew from the file:
// nothing of the state is lost, and the jobs go on to their ends.
func TestExportImport(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	n := network(t, Options{Validators: 2, Genesis: shortWindows})
	first := n.Nodes[0]
	m := market(t, n)
	jobs, err := m.Fill(ctx)
	require.NoError(t, err)
	height, err := first.Height(ctx)
	require.NoError(t, err)
	was := observed(t, first, m, jobs, height)
	last, err := first.Header(ctx, height)
	require.NoError(t, err)
	for _, node := range n.Nodes {
		require.NoError(t, node.Stop())
	}

	ways := []struct {
		name, flag string
		begin      int64
	}{
		{"for height zero", "--for-zero-height", 1},
		{"as it is", "--for-zero-height=false", height + 1}, // the jobs go on with the last
	}
	file := func(name string) string { return filepath.Join(n.Dir, name+".json") }
	for _, way := range ways {
		_, err := first.Emcd(ctx, "export", "--height", fmt.Sprint(height), "--output-document", file(way.name), way.flag)
		require.NoError(t, err, way.name)
		_, err = first.Emcd(ctx, "genesis", "validate", file(way.name))
		require.NoError(t, err, way.name)
		var genesis struct {
			Time time.Time `json:"genesis_time"`
		}
		raw, err := os.ReadFile(file(way.name))
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(raw, &genesis))
		require.True(t, last.Time.Equal(genesis.Time), "%s: it begins at %s, the old network ended at %s", way.name, genesis.Time, last.Time)
	}

	for i, way := range ways {
		name, begin := way.name, way.begin
		for _, node := range n.Nodes {
			require.NoError(t, node.begin(ctx, file(name)))
		}
		require.NoError(t, n.Start(ctx), name)
		for _, node := range n.Nodes {
			require.NoError(t, node.WaitHeight(ctx, begin+3, 2*time.Minute), name)
		}
		then, now := maps.Clone(was), observed(t, first, m, jobs, begin)
		if begin == 1 {
			// Rewards and commission are paid out for a start at zero.
			delete(then, "validator's balance")
			delete(now, "validator's balance")
		}
		require.Equal(t, then, now, name)
		s, err := first.Status(ctx)
		require.NoError(t, err)
		require.EqualValues(t, begin, s.Earliest, name)
		require.NoError(t, m.Money.Check(ctx), name)
		compared, err := n.Agree(ctx, begin, begin+3, n.Nodes...)
		require.NoError(t, err, name)
		require.Equal(t, 4, compared, name)
		if i < len(ways)-1 {
			for _, node := range n.Nodes {
				require.NoError(t, node.Stop())
			}
		}
	}
	require.NoError(t, m.Finish(ctx, jobs))
}

// begin lets the node begin anew from a genesis: its keys and settings stay.
func (n *Node) begin(ctx context.Context, genesis string) error {
	if _, err := n.Emcd(ctx, "comet", "unsafe-reset-all"); err != nil {
		return err
	}
	raw, err := os.ReadFile(genesis)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(n.Home, "config", "genesis.json"), raw, 0o600)
}

// observed is what anybody can ask about the market at a height.
func observed(t *testing.T, n *Node, m *Market, jobs Jobs, height int64) map[string]any {
	t.Helper()
	out := map[string]any{}
	ask := func(name, path string) {
		var answer map[string]any
		_, err := n.Get(t.Context(), path, height, &answer)
		require.NoError(t, err, path)
		require.NotEmpty(t, answer, path)
		delete(answer, "pagination")
		out[name] = answer
	}
	ask("params", "/emc/compute/v1/params")
	ask("apps", "/emc/compute/v1/apps")
	ask("node", "/emc/compute/v1/nodes/"+m.Worker.Address)
	// Its place in the price index is taken anew.
	delete(out["node"].(map[string]any)["node"].(map[string]any)["node"].(map[string]any)["listing"].(map[string]any), "since")
	ask("node's jobs", "/emc/compute/v1/nodes/"+m.Worker.Address+"/jobs")
	for state, id := range map[string]string{"paid": jobs.Paid, "finished": jobs.Finished, "running": jobs.Running, "scheduled": jobs.Scheduled} {
		ask(state+" job with its money", "/emc/compute/v1/jobs/"+id)
	}
	ask("validator's balance", "/cosmos/bank/v1beta1/balances/"+m.Customer.Address)
	ask("worker's balance", "/cosmos/bank/v1beta1/balances/"+m.Worker.Address)
	ask("fee grant", "/cosmos/feegrant/v1beta1/allowances/"+m.Worker.Address)
	ask("supply", "/cosmos/bank/v1beta1/supply/by_denom?denom=uemc")
	ask("stake", "/cosmos/staking/v1beta1/pool")
	return out
}
