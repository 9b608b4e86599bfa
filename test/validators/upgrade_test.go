package validators

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/test/e2e/rig"
)

// Variables with which a release is tested before it goes out: the binary of
// the last release, and the name of the upgrade. The binary that is upgraded to
// is the one under test.
const (
	envUpgradeFrom = "EMC_UPGRADE_FROM"
	envUpgradeName = "EMC_UPGRADE_NAME"
)

// upgrade is a way from one binary to the next.
type upgrade struct {
	name, from, to string
	// migrated checks what the migration did, from the block of its height on.
	migrated func(t *testing.T, n *Net, height int64, jobs Jobs)
}

// A network goes from one build to the next in the middle of its jobs. The build
// with the tag emc_rehearsal adds a store, migrates x/compute's and changes the
// consensus parameters, as real upgrades do.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	next := filepath.Join(t.TempDir(), "emcd-rehearsal")
	build := exec.CommandContext(t.Context(), "go", "build", "-tags", "emc_rehearsal", "-ldflags", "-s -w", "-o", next, "./cmd/emcd")
	build.Dir, build.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	said, err := build.CombinedOutput()
	require.NoError(t, err, string(said))
	rehearse(t, upgrade{name: "rehearsal", from: binaries.Emcd(), to: next, migrated: rehearsed})
}

// The next real upgrade goes the same way: see docs/validators/upgrades.md.
func TestUpgradeOfRelease(t *testing.T) {
	from, name := os.Getenv(envUpgradeFrom), os.Getenv(envUpgradeName)
	if from == "" || name == "" {
		t.Skipf("%s and %s name no release to come from", envUpgradeFrom, envUpgradeName)
	}
	rehearse(t, upgrade{name: name, from: from, to: binaries.Emcd(), migrated: func(*testing.T, *Net, int64, Jobs) {}})
}

func rehearse(t *testing.T, u upgrade) {
	ctx := t.Context()
	n := network(t, Options{Validators: 2, Binary: u.from, Genesis: func(state map[string]any) {
		quickVotes(state)
		shortWindows(state)
	}})
	a, b := n.Nodes[0], n.Nodes[1]
	m := market(t, n)
	jobs, err := m.Fill(ctx)
	require.NoError(t, err)

	// Too early, the new binary does not touch the state.
	require.NoError(t, b.Stop())
	before := b.Binary
	b.Binary = u.to
	require.NoError(t, b.Launch())
	said, err := b.WaitEnd(ctx, 2*time.Minute)
	require.NoError(t, err)
	require.Error(t, b.Process().Err(), "it refuses")
	require.Contains(t, said, "starts only after the older one has stopped for it")
	require.NotContains(t, said, "goroutine", "words, not a stack trace")
	b.Binary = before
	require.NoError(t, b.Start(ctx))

	// The plan must be taken up before its height. Should the machine be so slow
	// that it is not, the next proposal leaves more blocks.
	var height int64
	for try := 1; ; try++ {
		now, err := n.Height(ctx)
		require.NoError(t, err)
		height = now + 40*int64(try)
		if err = n.proposeUpgrade(ctx, try, u.name, height); err == nil {
			break
		}
		require.Less(t, try, 4, err)
		t.Log(err)
	}

	// The old binary stops at the height, says why, and does not start again.
	for _, node := range n.Nodes {
		needed := `UPGRADE "` + u.name + `" NEEDED`
		require.NoError(t, rig.Eventually(ctx, 2*time.Minute, node.Name+" stops for the upgrade", func() (bool, error) {
			info, err := os.ReadFile(filepath.Join(node.Home, "data", "upgrade-info.json"))
			// The words come a moment after the file.
			return err == nil && json.Valid(info) && strings.Contains(node.Process().Output(), needed), err
		}))
		raw, err := os.ReadFile(filepath.Join(node.Home, "data", "upgrade-info.json"))
		require.NoError(t, err)
		var info struct {
			Name   string
			Height int64
			Info   string
		}
		require.NoError(t, json.Unmarshal(raw, &info))
		require.Equal(t, u.name, info.Name)
		require.Equal(t, height, info.Height)
		require.NotEmpty(t, info.Info, "where the binary is")
	}
	require.NoError(t, b.Stop())
	require.NoError(t, b.Launch())
	said, err = b.WaitEnd(ctx, 2*time.Minute)
	require.NoError(t, err)
	require.Error(t, b.Process().Err())
	require.Contains(t, said, `UPGRADE "`+u.name+`" NEEDED`)
	require.NoError(t, a.Stop())

	for _, node := range n.Nodes {
		node.Binary = u.to
	}
	require.NoError(t, n.Start(ctx))
	for _, node := range n.Nodes {
		require.NoError(t, node.WaitHeight(ctx, height+2, 2*time.Minute))
	}
	var applied struct {
		Height rig.Int `json:"height"`
	}
	_, err = a.Get(ctx, "/cosmos/upgrade/v1beta1/applied_plan/"+u.name, 0, &applied)
	require.NoError(t, err)
	require.EqualValues(t, height, applied.Height)
	u.migrated(t, n, height, jobs)

	require.NoError(t, m.Finish(ctx, jobs))
	end, err := n.Height(ctx)
	require.NoError(t, err)
	for _, node := range n.Nodes {
		require.NoError(t, node.WaitHeight(ctx, end-1, 2*time.Minute))
	}
	compared, err := n.Agree(ctx, 1, end-1, n.Nodes...)
	require.NoError(t, err)
	require.EqualValues(t, end-1, compared)

	// Whoever goes back is told so, and gets no further.
	require.NoError(t, b.Stop())
	b.Binary = u.from
	require.NoError(t, b.Launch())
	require.NoError(t, rig.Eventually(ctx, 2*time.Minute, "the old binary says what it lacks", func() (bool, error) {
		return strings.Contains(b.Process().Output(), "upgrade handler is missing for "+u.name), nil
	}))
}

// rehearsed checks the rehearsal's migrations.
func rehearsed(t *testing.T, n *Net, height int64, jobs Jobs) {
	ctx := t.Context()
	for _, node := range n.Nodes {
		for _, id := range []string{jobs.Paid, jobs.Finished, jobs.Running, jobs.Scheduled} {
			j, err := node.Job(ctx, id)
			require.NoError(t, err)
			kept, err := node.Store(ctx, "rehearsal", []byte(id), height)
			require.NoError(t, err)
			require.Len(t, kept, 8, "the new store has job %s since the upgrade's block", id)
			require.EqualValues(t, j.MaxPrice.Amount, be64(kept))
		}
		for at, want := range map[int64]int{height - 1: 1, height: 2} {
			require.Equal(t, want, moduleVersion(t, ctx, node, at), "x/compute's version at height %d", at)
		}
		var params struct {
			Params struct {
				Block struct {
					MaxBytes rig.Int `json:"max_bytes"`
				} `json:"block"`
			} `json:"consensus_params"`
		}
		// Of the newest height they may not be stored yet.
		require.NoError(t, node.rpc(ctx, fmt.Sprintf("consensus_params?height=%d", height+1), &params))
		require.EqualValues(t, 2<<20+1, params.Params.Block.MaxBytes)
	}
	retention := func(at int64) int64 {
		var answer struct {
			Params struct {
				Retention rig.Int `json:"job_retention_seconds"`
			} `json:"params"`
		}
		_, err := n.Nodes[0].Get(ctx, "/emc/compute/v1/params", at, &answer)
		require.NoError(t, err)
		return int64(answer.Params.Retention)
	}
	require.Equal(t, retention(height-1)+1, retention(height))
}

func be64(b []byte) (n uint64) {
	for _, c := range b {
		n = n<<8 | uint64(c)
	}
	return n
}

// moduleVersion is the version of x/compute's store at a height.
func moduleVersion(t *testing.T, ctx context.Context, node *Node, at int64) int {
	t.Helper()
	var answer struct {
		Versions []struct {
			Name    string  `json:"name"`
			Version rig.Int `json:"version"`
		} `json:"module_versions"`
	}
	_, err := node.Get(ctx, "/cosmos/upgrade/v1beta1/module_versions?module_name=compute", at, &answer)
	require.NoError(t, err)
	require.Len(t, answer.Versions, 1)
	return int(answer.Versions[0].Version)
}
