package soak

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/test/e2e/rig"
)

// Variables of a long run; see scripts/soak.sh.
const (
	envBinaries  = "EMC_E2E_BIN"
	envSchedules = "EMC_SOAK_SCHEDULES"
	envSeed      = "EMC_SOAK_SEED"
	envLanes     = "EMC_SOAK_LANES"
	envOut       = "EMC_SOAK_OUT" // file for the report
	envDir       = "EMC_SOAK_DIR" // folder that outlives the run
)

// smokeSeed begins two schedules that are over soon and hit everybody: the
// chain, workers and a customer.
const smokeSeed = 87939

// Schedules of kills: a few in every run of the tests, so that this program
// cannot rot, and as many as are asked for in a long one.
func TestSchedules(t *testing.T) {
	if testing.Short() {
		t.Skip("the black-box tests are left out under -short")
	}
	o := Options{Bin: testBinaries(t), Seed: smokeSeed, Schedules: 2, Lanes: 2, Customers: 2, Dir: t.TempDir(), Progress: t.Output()}
	if n := number(t, envSchedules); n > 0 {
		o.Schedules, o.Seed, o.Lanes = int(n), uint64(time.Now().UnixNano())%1e12, 8
		o.Progress = os.Stderr
	}
	if seed := number(t, envSeed); seed > 0 {
		o.Seed = seed
	}
	if lanes := number(t, envLanes); lanes > 0 {
		o.Lanes = int(lanes)
	}
	o.Lanes = min(o.Lanes, o.Schedules)
	if dir := os.Getenv(envDir); dir != "" {
		require.NoError(t, os.MkdirAll(dir, 0o755))
		o.Dir = dir
	}
	root, err := rig.Root()
	require.NoError(t, err)
	o.Guest = filepath.Join(o.Dir, "guest.wasm")
	require.NoError(t, rig.BuildGuest(t.Context(), root, o.Guest, "./test/e2e/guest"))

	report, err := Run(context.WithoutCancel(t.Context()), o)
	text, _ := json.MarshalIndent(report, "", "  ")
	t.Logf("%s", text)
	if path := os.Getenv(envOut); path != "" {
		require.NoError(t, os.WriteFile(path, append(text, '\n'), 0o644))
	}
	require.NoError(t, err)
	require.Empty(t, report.Failed)
	require.Equal(t, o.Schedules, report.Schedules)
}

// testBinaries are the built ones if they are named, as for test/e2e.
func testBinaries(t *testing.T) rig.Binaries {
	t.Helper()
	root, err := rig.Root()
	require.NoError(t, err)
	given := os.Getenv(envBinaries)
	if given == "" {
		given = filepath.Join("build", "test")
		require.NoError(t, rig.Build(t.Context(), root, rig.Binaries(filepath.Join(root, given))))
	}
	if !filepath.IsAbs(given) {
		given = filepath.Join(root, given)
	}
	require.NoError(t, rig.Binaries(given).Check())
	return rig.Binaries(given)
}

func number(t *testing.T, name string) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return 0
	}
	n, err := strconv.ParseUint(text, 10, 64)
	require.NoError(t, err, "%s must be a number", name)
	return n
}
