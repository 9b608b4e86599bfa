package proof_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/proof"
)

func microE(v powerVector) string {
	return proof.MicroE(v.Commitment, time.Duration(v.Nanoseconds)).String()
}

func TestMicroE(t *testing.T) {
	for name, row := range map[string]struct {
		c    proof.Commitment
		took time.Duration
		want int64
	}{
		// 1000 rounds of 4096³ in 10 s: 6.87 · 10^12 a second.
		"success - a CPU":               {proof.Commitment{LogN: 12, Rounds: 1000}, 10 * time.Second, 6_871_947},
		"success - rounded down":        {proof.Commitment{LogN: 10, Rounds: 1}, 1074 * time.Second, 0},
		"success - just one":            {proof.Commitment{LogN: 10, Rounds: 1}, 1073 * time.Second, 1},
		"error - no time":               {proof.Commitment{LogN: 10, Rounds: 1}, 0, 0},
		"error - time ran backwards":    {proof.Commitment{LogN: 10, Rounds: 1}, -time.Second, 0},
		"error - no rounds":             {proof.Commitment{LogN: 10}, time.Second, 0},
		"error - a size that is not":    {proof.Commitment{LogN: 60, Rounds: 1}, time.Second, 0},
		"error - rounds near 2^64":      {proof.Commitment{LogN: 10, Rounds: 1<<64 - 1}, time.Second, 0},
		"success - as much as there is": {proof.Commitment{LogN: 14, Rounds: proof.MaxRounds}, 1_000_000_000 * time.Second, 73_786},
	} {
		require.Equal(t, row.want, proof.MicroE(row.c, row.took).Int64(), name)
	}
}
