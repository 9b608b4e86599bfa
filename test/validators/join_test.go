package validators

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/test/e2e/rig"
)

// A fresh node joins a network in the middle of jobs by state sync: it takes a
// snapshot from its peers, replays nothing from the genesis, and from then on
// says what the others say.
func TestJoinByStateSync(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	const every = 10
	n := network(t, Options{
		Validators: 2, App: Settings{"state-sync.snapshot-interval": every, "state-sync.snapshot-keep-recent": 50}, Genesis: shortWindows,
	})
	first := n.Nodes[0]
	m := market(t, n)
	jobs, err := m.Fill(ctx)
	require.NoError(t, err)
	filled, err := n.Height(ctx)
	require.NoError(t, err)

	// The newcomer trusts one block, which somebody told him of, and checks all
	// that follows.
	trusted, err := first.Header(ctx, filled)
	require.NoError(t, err)
	settings := func(hash string) Settings {
		return Settings{
			"statesync.enable": true, "statesync.rpc_servers": n.Nodes[0].RPC + "," + n.Nodes[1].RPC,
			"statesync.trust_height": filled, "statesync.trust_hash": hash, "statesync.discovery_time": "5s",
		}
	}
	joined, err := n.Add(ctx, "joined", settings(trusted.Hash), nil)
	require.NoError(t, err)
	fooled, err := n.Add(ctx, "fooled", settings("00"+trusted.Hash[2:]), nil)
	require.NoError(t, err)
	for _, node := range n.Nodes[:2] {
		require.NoError(t, rig.Eventually(ctx, 2*time.Minute, node.Name+" has a snapshot with the jobs", func() (bool, error) {
			entries, err := os.ReadDir(filepath.Join(node.Home, "data", "snapshots"))
			for _, e := range entries {
				height, bad := strconv.ParseInt(e.Name(), 10, 64)
				// Two blocks later the light client can check it.
				if high, _ := n.Height(ctx); bad == nil && height > filled && high > height+2 {
					return true, nil
				}
			}
			return false, err
		}))
	}
	require.NoError(t, fooled.Launch())
	require.NoError(t, joined.Start(ctx))
	said, err := fooled.WaitEnd(ctx, 2*time.Minute)
	require.NoError(t, err)
	require.Contains(t, said, "expected header's hash 00", "a trusted block that is not the network's")

	require.NoError(t, rig.Eventually(ctx, 2*time.Minute, "the newcomer has caught up", func() (bool, error) {
		s, err := joined.Status(ctx)
		return err == nil && !s.CatchingUp, err
	}))
	now, err := n.Height(ctx)
	require.NoError(t, err)
	for _, node := range []*Node{first, joined} {
		require.NoError(t, node.WaitHeight(ctx, now+5, 2*time.Minute))
	}
	s, err := joined.Status(ctx)
	require.NoError(t, err)
	require.Greater(t, s.Earliest, filled, "it replayed nothing of before the snapshot")
	_, err = joined.Header(ctx, filled)
	require.Error(t, err)
	require.Zero(t, s.VotingPower)
	compared, err := n.Agree(ctx, s.Earliest, now+5, first, joined)
	require.NoError(t, err)
	require.Equal(t, now+5-s.Earliest+1, int64(compared))

	// It knows the jobs, nodes and balances of before it came, and the money is all there.
	for _, path := range []string{
		"/emc/compute/v1/params", "/emc/compute/v1/apps", "/emc/compute/v1/nodes",
		"/emc/compute/v1/customers/" + m.Customer.Address + "/jobs",
		"/emc/compute/v1/nodes/" + m.Worker.Address + "/jobs",
		"/cosmos/bank/v1beta1/balances/" + m.Customer.Address,
		"/cosmos/staking/v1beta1/validators",
		"/emc/poc/v1/beacon_keys", "/emc/poc/v1/draws/" + strconv.FormatInt(filled, 10),
	} {
		var theirs, its map[string]any
		_, err := first.Get(ctx, path, now+5, &theirs)
		require.NoError(t, err)
		_, err = joined.Get(ctx, path, now+5, &its)
		require.NoError(t, err)
		require.NotEmpty(t, its, path)
		require.Equal(t, theirs, its, path)
	}
	// Both validators have contributed to the public randomness, with the keys that
	// their homes were made with, and so a draw is ready.
	var draw struct {
		Ready  bool `json:"ready"`
		Needed int  `json:"needed"`
	}
	_, err = joined.Get(ctx, "/emc/poc/v1/draws/"+strconv.FormatInt(now-20, 10), 0, &draw)
	require.NoError(t, err)
	require.True(t, draw.Ready)
	require.Equal(t, 2, draw.Needed)
	books, err := rig.NewMoney(ctx, joined.Network)
	require.NoError(t, err)
	books.Watch(m.Customer.Address)
	require.NoError(t, books.Check(ctx))

	// The jobs end, and it sees them end.
	require.NoError(t, m.Finish(ctx, jobs))
	for _, id := range []string{jobs.Finished, jobs.Running} {
		j, err := joined.WaitJob(ctx, id, 2*time.Minute, rig.Completed)
		require.NoError(t, err)
		require.NotZero(t, j.Paid.Amount, "job %s is paid", id)
	}
	require.NoError(t, books.Check(ctx))

	// What is sent to it reaches the network: it tells its peers of it.
	via := rig.Connect(binaries, first.Home, joined.Info)
	require.NoError(t, Settings{"node": joined.RPC}.apply(filepath.Join(first.Home, "config", "client.toml")))
	sent, err := via.Tx(ctx, first.Name, "bank", "send", first.Name, m.Worker.Operator, "1000uemc")
	require.NoError(t, err)
	require.Positive(t, sent.Height)
}
