package main

import (
	"math"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSoftmax(t *testing.T) {
	row := []float32{3, -2.5, 0, 0.3465, -80, 1, 700, 699.5, 620}
	for _, values := range [][]float32{row[:6], row[6:], {5}, {}} {
		got := append([]float32(nil), values...)
		softmax(got)
		top, sum := math.Inf(-1), 0.0
		for _, x := range values {
			top = max(top, float64(x))
		}
		for _, x := range values {
			sum += math.Exp(float64(x) - top)
		}
		for k, x := range values {
			require.InEpsilon(t, math.Exp(float64(x)-top)/sum, got[k], 1e-6)
		}
	}
	far := []float32{0, -1e30, float32(math.Inf(-1))}
	softmax(far)
	require.InDelta(t, 1, far[0], 1e-6)
	require.Less(t, far[1], float32(1e-37))
	require.Less(t, far[2], float32(1e-37))
}

func TestLn(t *testing.T) {
	for _, x := range []float64{1e-30, 1e-9, 0.1, 0.5, 0.7071, 0.7072, 1 - 1e-9, 1, 1.5, 2, 1e10} {
		require.InDelta(t, math.Log(x), ln(x), 1e-14*max(1, math.Abs(math.Log(x))), "%g", x)
	}
}

// A fused multiply-add rounds once where the same source on another machine rounds twice, and the weights differ.
// The arm64 compiler fuses whatever no explicit conversion separates, so its output shows what was forgotten.
func TestNoFusedMultiplyAdd(t *testing.T) {
	build := exec.CommandContext(t.Context(), "go", "build", "-gcflags=-S", "-o", filepath.Join(t.TempDir(), "charlm"), ".")
	build.Env = append(build.Environ(), "GOOS=linux", "GOARCH=arm64", "CGO_ENABLED=0")
	listing, err := build.CombinedOutput()
	require.NoError(t, err, "%s", listing)
	require.Regexp(t, `\tFMULS\t`, string(listing), "the listing holds no arithmetic, so it proves nothing")
	fused := regexp.MustCompile(`\S+\.go:\d+\)\t(FN?MADD|FN?MSUB)[SD]\t.*`).FindAllString(string(listing), 5)
	require.Empty(t, fused)
}
