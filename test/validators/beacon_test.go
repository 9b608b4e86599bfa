package validators

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/beacon"
	"github.com/edgematrix/emc/test/e2e/rig"
)

// beaconKey is what the chain counts of a validator's key.
type beaconKey struct {
	Contributions rig.Int `json:"contributions"`
	Misses        rig.Int `json:"misses"`
	NextFrom      rig.Int `json:"next_active_from"`
}

// keyOf asks this node for the key of another one's validator.
func (n *Node) keyOf(t *testing.T, of *Node) beaconKey {
	t.Helper()
	a, err := of.Emcd(t.Context(), "keys", "show", of.Name, "--bech", "val", "--address", "--keyring-backend", "test")
	require.NoError(t, err)
	var answer struct {
		Key beaconKey `json:"beacon_key"`
	}
	_, err = n.Get(t.Context(), "/emc/poc/v1/beacon_keys/"+strings.TrimSpace(a.Out), 0, &answer)
	require.NoError(t, err)
	return answer.Key
}

// Of four validators one has lost his beacon key, and another one's contributions
// are false. Blocks go on, the beacon goes on, all agree; windows open, are drawn
// without the two, and are paid.
func TestValidatorsWithoutBeacon(t *testing.T) {
	t.Parallel()
	binary := filepath.Join(t.TempDir(), "emcd-false")
	require.NoError(t, rig.GoBuild(t.Context(), root, binary, "./cmd/emcd", "GOFLAGS=-tags=emc_false_beacon"))
	n := files(t, Options{Validators: 4, Comet: Settings{"consensus.timeout_propose": "500ms"}, Genesis: quickWindows})
	lost, liar := n.Nodes[2], n.Nodes[3]
	require.NoError(t, os.Remove(filepath.Join(lost.Home, filepath.FromSlash(beacon.KeyFile))))
	liar.Binary = binary
	require.NoError(t, n.Start(t.Context()))
	workers, err := n.Prove(t.Context(), n.Nodes[0])
	for _, w := range workers {
		t.Cleanup(w.Kill)
	}
	require.NoError(t, err)

	w, err := n.Nodes[0].WaitWindow(t.Context(), 0, 5*time.Minute, func(w rig.Window) bool { return w.Phase == rig.WindowClosed && w.Proved == 1 })
	require.NoError(t, err)
	for i, node := range n.Nodes[:2] {
		require.Positive(t, int64(n.Nodes[0].keyOf(t, node).Contributions), "validator %d", i)
	}
	key := n.Nodes[0].keyOf(t, lost)
	require.Zero(t, key.Contributions)
	require.Positive(t, int64(key.Misses), "counted, not punished")
	require.Zero(t, n.Nodes[0].keyOf(t, liar).Contributions, "no block of his is accepted")
	require.Contains(t, n.Nodes[0].Log(), "a proposal is refused")

	compared, err := n.Agree(t.Context(), 1, int64(w.Height), n.Nodes...)
	require.NoError(t, err)
	require.Positive(t, compared)
}

// A sole validator loses its key file: blocks go on, and no window opens since
// nothing could be drawn. With a new key they come again.
func TestSoleValidatorLosesItsKey(t *testing.T) {
	t.Parallel()
	n := files(t, Options{Validators: 1, Genesis: quickWindows})
	node := n.Nodes[0]
	require.NoError(t, node.Start(t.Context()))
	first, err := node.WaitWindow(t.Context(), 0, 5*time.Minute, func(w rig.Window) bool { return w.Phase == rig.WindowClosed })
	require.NoError(t, err)
	require.NoError(t, node.Stop())
	file := filepath.Join(node.Home, filepath.FromSlash(beacon.KeyFile))
	require.NoError(t, os.Remove(file))
	require.NoError(t, node.Start(t.Context()))
	height, err := node.Height(t.Context())
	require.NoError(t, err)
	// Twenty blocks later nobody is waited for any more; after some sixty a window would have opened.
	require.NoError(t, node.WaitHeight(t.Context(), height+100, 5*time.Minute))
	last, err := node.Window(t.Context(), 0)
	require.NoError(t, err)
	require.Less(t, int64(last.Height), height+40, "none that opened later")
	require.NotEqual(t, rig.WindowOpen, last.Phase)

	_, err = node.Emcd(t.Context(), "beacon-key", "register", "--from", node.Name, "--keyring-backend", "test", "--yes")
	require.NoError(t, err)
	require.FileExists(t, file)
	require.NoError(t, rig.Eventually(t.Context(), 2*time.Minute, "the new key is registered", func() (bool, error) { return node.keyOf(t, node).NextFrom > 0, nil }))
	require.NoError(t, node.Stop())
	require.NoError(t, node.Start(t.Context()))
	again, err := node.WaitWindow(t.Context(), 0, 5*time.Minute, func(w rig.Window) bool { return w.Height > last.Height && w.Phase == rig.WindowClosed })
	require.NoError(t, err)
	require.Greater(t, again.Number, first.Number)
}
