package measure_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/proof/kernel"
	"github.com/edgematrix/emc/pkg/proof/measure"
)

func TestRun(t *testing.T) {
	for _, k := range kernel.All() {
		var said []string
		r, err := measure.Run(t.Context(), measure.Options{
			Kernel: k, Threads: 2, LogN: 10, Duration: 100 * time.Millisecond, Progress: func(s string) { said = append(said, s) },
		})
		require.NoError(t, err)
		t.Logf("%+v", r)
		require.Equal(t, k.Name(), r.Backend)
		require.Equal(t, 1024, r.N)
		require.Positive(t, r.Rounds)
		require.InEpsilon(t, r.Rate/1e12, r.E, 1e-9)
		require.Positive(t, r.Ceiling)
		require.Positive(t, r.OfCeiling)
		require.Greater(t, r.Overhead, 0.0)
		require.Less(t, r.Overhead, 1.0)
		require.Positive(t, r.ProofBytes)
		require.Positive(t, r.VerifyMillis)
		require.Contains(t, r.Verdict, k.Name())
		require.NotEmpty(t, said)
	}
}

func TestRunStops(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	cancel(enough)
	_, err := measure.Run(ctx, measure.Options{Kernel: kernel.Best(), Threads: 1, Duration: time.Hour})
	require.ErrorIs(t, err, enough)
	_, err = measure.Run(t.Context(), measure.Options{Kernel: kernel.Best(), Threads: 1})
	require.Error(t, err)
	_, err = measure.Run(t.Context(), measure.Options{Kernel: kernel.Best(), Threads: 1, LogN: 9, Duration: time.Second})
	require.Error(t, err)
}

func TestLogN(t *testing.T) {
	for n, want := range map[int]uint8{1024: 10, 4096: 12, 16384: 14} {
		got, err := measure.LogN(n)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for _, n := range []int{0, -1024, 512, 1000, 4095, 32768, 1 << 40} {
		_, err := measure.LogN(n)
		require.ErrorContains(t, err, "4096", "%d", n)
	}
}

func TestMedian(t *testing.T) {
	require.Equal(t, 3.0, measure.Median([]float64{9, 1, 3}))
	require.Equal(t, 4.0, measure.Median([]float64{4, 1}))
}
