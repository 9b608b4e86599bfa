//go:build linux

package wasm

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkStart measures a whole job of the tiny probe from the cache: start
// of the child, its input, output and log, and the collecting. It reports the
// mean as ms/job.
func BenchmarkStart(b *testing.B) {
	r := newRuntime(b)
	require.NoError(b, r.Check(b.Context()))
	for b.Loop() {
		require.NoError(b, r.Check(b.Context()))
	}
	reportMillis(b)
}

// BenchmarkStartGo is the same with a program made by the Go compiler, some
// two MiB of WebAssembly.
func BenchmarkStartGo(b *testing.B) {
	newRun(b, "exit", "0").do(b)
	for b.Loop() {
		newRun(b, "exit", "0").do(b)
	}
	reportMillis(b)
}

func reportMillis(b *testing.B) {
	b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(b.N), "ms/job")
	b.ReportMetric(0, "ns/op") // the same in worse units
}
