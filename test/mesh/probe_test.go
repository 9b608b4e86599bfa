package mesh

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/test/e2e/rig"
)

// A validator's prober asks routers, and the workers at home through them, by addresses of the internet alone. All answer.
func probes(s *site) {
	if os.Getenv(envLong) != "1" {
		s.Skip(envLong + " is not 1: two epochs of probes are for soak runs")
	}
	_, err := s.net.Emcd(s.ctx, "keys", "add", "prober", "--keyring-backend", "test")
	require.NoError(s, err)
	hot, err := s.net.Address(s.ctx, "prober")
	require.NoError(s, err)
	_, err = s.net.Sign(s.ctx, "validator", "prober", "set", hot)
	require.NoError(s, err)
	validator, err := s.net.Emcd(s.ctx, "keys", "show", "validator", "--bech", "val", "--address", "--keyring-backend", "test")
	require.NoError(s, err)
	prober, err := s.customer.Launch(filepath.Join(s.dir, "prober.log"), nil, "", s.net.Bin.Emcd(), "prober", "start",
		"--validator", strings.TrimSpace(validator.Out), "--from", "prober", "--keyring-backend", "test", "--home", s.net.Home, "--node", s.net.RPC, "--again", "1s")
	require.NoError(s, err)
	s.Cleanup(func() { s.ended("the prober", prober, prober.Kill) })
	const nodes = 4 // two routers, two workers
	all := fmt.Sprintf("probed=%d passed=%d", nodes, nodes)
	require.NoError(s, rig.Eventually(s.ctx, patience, "all nodes answer", func() (bool, error) {
		return strings.Contains(prober.Output(), all), nil
	}))
}
