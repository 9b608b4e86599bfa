package power

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/proof"
	"github.com/edgematrix/emc/pkg/proof/kernel"
	"github.com/edgematrix/emc/pkg/proof/prover"
	poctypes "github.com/edgematrix/emc/x/poc/types"
)

func TestPlan(t *testing.T) {
	local := poctypes.DefaultParams()
	local.WindowBlocks, local.WindowMilliseconds, local.RevealBlocks = 5, 6000, 6
	half := rulesOf(local)
	require.Equal(t, 3600*time.Millisecond, half.half)
	require.Equal(t, uint32(32), half.samples)
	memory, err := prover.Footprint(prover.Config{Threads: 1, Memory: 1}, 10)
	require.NoError(t, err)
	// speed is in rounds of n = 1024 a second.
	for name, row := range map[string]struct {
		speed   float64
		threads int
		logN    uint8
		memory  int64
		want    uint8
		rounds  uint64
		fails   string
	}{
		"fast":                                  {speed: 1e6, threads: 1, want: prover.Suited(kernel.Best()), rounds: proof.MaxRounds},
		"too slow for what suits its kernel":    {speed: 10, threads: 1, want: 10, rounds: proof.MaxRounds},
		"too slow for all samples":              {speed: 5, threads: 1, want: 10, rounds: 18},
		"teams compute whole rounds":            {speed: 5, threads: 32, want: 10, rounds: 16},
		"too slow for one":                      {speed: 0.1, threads: 1, fails: "cannot prove"},
		"a size is asked for":                   {speed: 1e6, threads: 1, logN: 12, want: 12, rounds: proof.MaxRounds},
		"a size is asked for that is too large": {speed: 64, threads: 1, logN: 12, want: 12, rounds: 3},
		"little memory":                         {speed: 1e6, threads: 1, memory: memory, want: 10, rounds: proof.MaxRounds},
		"less memory than any size needs":       {speed: 1e6, threads: 1, memory: 1 << 10, fails: "proof.memory"},
	} {
		t.Run(name, func(t *testing.T) {
			c := Config{Kernel: kernel.Best(), Threads: row.threads, LogN: row.logN, Memory: row.memory}.withDefaults()
			c.measure = func(_ context.Context, _ Config, logN uint8) (float64, error) {
				return row.speed / float64(uint64(1)<<(3*(logN-10))), nil
			}
			p, err := newPlan(t.Context(), c, half)
			if row.fails != "" {
				require.ErrorContains(t, err, row.fails)
				return
			}
			require.NoError(t, err)
			require.Equal(t, row.want, p.logN)
			require.Equal(t, row.rounds, p.rounds)
		})
	}
}

func TestMeasure(t *testing.T) {
	c := Config{Threads: 2, LogN: 10}.withDefaults()
	rate, err := measure(t.Context(), c, 10)
	require.NoError(t, err)
	require.Positive(t, rate)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = measure(ended, c, 10)
	require.ErrorIs(t, err, context.Canceled)
}

func TestEText(t *testing.T) {
	require.Equal(t, "0.000001", eText(1))
	require.Equal(t, "12.345678", eText(12_345_678))
	require.Equal(t, uint64(1_073), ePerSecond(1, 10))
}
