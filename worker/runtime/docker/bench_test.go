//go:build linux

package docker

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkRun is a whole hardened cycle of a program that does nothing.
func BenchmarkRun(b *testing.B) {
	r := newRun(b, "exit", "0")
	r.rt = newTestRuntime(b, nil)
	for b.Loop() {
		r.OutputDir = filepath.Join(b.TempDir(), "out")
		result, err := r.rt.Run(b.Context(), r.Task)
		require.NoError(b, err)
		require.Zero(b, result.ExitCode)
	}
}
