package kernel

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	emulator "github.com/edgematrix/emc/testutil/amx"
)

// envEmulated tells the test that a tracer carries out AMX's instructions.
const envEmulated = "EMC_AMX_EMULATED"

// The amx kernel on any machine with AVX-512 VNNI: where the processor lacks AMX,
// the test runs itself again under a tracer that stands in for it.
func TestAMX(t *testing.T) {
	if !slices.ContainsFunc(present(), func(k Kernel) bool { return k.Name() == "vnni" }) {
		t.Skip("this processor has no AVX-512 VNNI, which the amx kernel makes its operands with")
	}
	k := Kernel(amx{})
	if slices.Contains(present(), k) || os.Getenv(envEmulated) != "" {
		require.NoError(t, SelfTest(k))
		everyEntryCounts(t, k, 199) // a prime, so that every place in a word and in a tile is met
		agree(t, k, 1600)
		require.Positive(t, k.Peak(1))
		return
	}
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	require.NoError(t, err)
	defer log.Close()
	cmd := exec.Command(os.Args[0], "-test.run", "^TestAMX$", "-test.v")
	cmd.Env = append(os.Environ(), envEmulated+"=1")
	cmd.Stdout, cmd.Stderr = log, log
	emulated, err := emulator.Run(cmd)
	said, _ := os.ReadFile(log.Name())
	require.NoError(t, err, "%s", said)
	require.Contains(t, string(said), "--- PASS: TestAMX")
	require.Greater(t, emulated, 10_000, "instructions that the tracer carried out")
	t.Logf("%d instructions emulated", emulated)
}
