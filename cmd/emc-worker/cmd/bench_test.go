package cmd

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/proof/kernel"
	"github.com/edgematrix/emc/pkg/proof/measure"
)

func TestBench(t *testing.T) {
	out, err := run(t, "bench", "--n", "1024", "--seconds", "0.05", "--threads", "1")
	require.NoError(t, err)
	for _, word := range []string{kernel.Best().Name() + ", n = 1024", "GMAC/s", "ceiling", "overhead", "verified in", "This machine proves"} {
		require.Contains(t, out, word)
	}
	out, err = run(t, "bench", "--n", "1024", "--seconds", "0.05", "--backend", "go", "--json")
	require.NoError(t, err)
	var r measure.Report
	require.NoError(t, json.Unmarshal([]byte(out[strings.Index(out, "{"):]), &r))
	require.Equal(t, "go", r.Backend)
	require.Positive(t, r.E)
	require.NotEmpty(t, r.Verdict)
}

func TestBenchRefuses(t *testing.T) {
	for want, args := range map[string][]string{
		"1024":                {"--n", "1000"},
		"16384":               {"--n", "-4096"},
		"it has auto":         {"--backend", "abacus"},
		"cannot prove with":   {"--backend", "cuda"},
		"--seconds must":      {"--seconds", "0"},
		"at most 3600":        {"--seconds", "1e9"},
		"--threads must":      {"--threads", "-1"},
		"unknown command":     {"surplus"},
		"invalid argument \"": {"--n", "many"},
	} {
		_, err := run(t, append([]string{"bench"}, args...)...)
		require.ErrorContains(t, err, want, args)
	}
}
