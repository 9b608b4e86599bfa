package benchmark_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/router/benchmark"
)

// TestMain is the router's process, too.
func TestMain(m *testing.M) {
	if len(os.Args) == 5 && os.Args[1] == "process" {
		if err := benchmark.Process(context.Background(), os.Args[2], os.Args[3], os.Args[4], os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// All parties come up, every answer is checked, and what is measured makes sense.
func TestMeasure(t *testing.T) {
	dir := t.TempDir()
	r, err := benchmark.Measure(t.Context(), benchmark.Options{
		Dir: dir, Log: io.Discard, Paced: 120, Small: 64,
		Router: func(args ...string) []string { return append([]string{os.Args[0], "process"}, args...) },
	})
	require.NoError(t, err)
	for _, way := range []benchmark.Times{r.Direct, r.Proxied, r.Routed} {
		require.Greater(t, way.FirstP50, 19., "a token takes 20 ms")
		require.Greater(t, way.LastP50, 31*20., "32 of them")
		require.GreaterOrEqual(t, way.LastP99, way.LastP50)
		require.GreaterOrEqual(t, way.EndP50, way.LastP50)
	}
	require.Positive(t, r.CallsPerSecond)
	require.Greater(t, r.CallsPerRouterSecond, r.CallsPerSecond, "the router's time is a part of all")
}

func TestMeasureTellsWhyTheRouterDidNotStart(t *testing.T) {
	_, err := benchmark.Measure(t.Context(), benchmark.Options{
		Dir: t.TempDir(), Log: io.Discard, Router: func(...string) []string { return []string{"false"} },
	})
	require.ErrorContains(t, err, "the router did not start")
}
