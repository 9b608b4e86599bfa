package cmd

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/power"
)

func TestMinPowerIsReadExactly(t *testing.T) {
	order := func(minPower string) *jobOrder {
		return &jobOrder{app: "charlm", memory: "1GiB", maxOutput: "1GiB", maxLog: "1MiB", minPower: minPower}
	}
	for in, want := range map[string]uint64{"": 0, "0.5E": 500_000, "2E": 2_000_000, "0.000001E": 1} {
		r, err := order(in).request()
		require.NoError(t, err)
		require.Equal(t, want, r.Requirements.MinSlotPower, in)
	}
	_, err := order("0.5").request()
	require.ErrorIs(t, err, power.ErrFormat)
	require.ErrorContains(t, err, "--min-power")
	_, err = order("0.0000005E").request()
	require.ErrorIs(t, err, power.ErrTooFine)
}
