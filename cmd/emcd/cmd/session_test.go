package cmd

import (
	"testing"

	"github.com/stretchr/testify/require"

	"cosmossdk.io/math"

	computetypes "github.com/edgematrix/emc/x/compute/types"
)

// The shares of routers are equal, and come to the deposit: what is not allotted pays for no call through a router.
func TestAllot(t *testing.T) {
	for _, c := range []struct {
		deposit int64
		routers []string
		shares  []int64
	}{
		{10, []string{"a"}, []int64{10}},
		{10, []string{"a", "b"}, []int64{5, 5}},
		{11, []string{"a", "b", "c"}, []int64{5, 3, 3}},
	} {
		var got []int64
		for i, a := range (opening{deposit: computetypes.Uemc(math.NewInt(c.deposit))}).allot(c.routers) {
			require.Equal(t, c.routers[i], a.Router)
			got = append(got, a.Amount.Amount.Int64())
		}
		require.Equal(t, c.shares, got)
	}
}

func TestDistinctRouters(t *testing.T) {
	require.NoError(t, distinct([]string{"a", "b", "c", "d"}))
	require.ErrorContains(t, distinct(nil), "empty")
	require.ErrorContains(t, distinct([]string{"a", "b", "a"}), "twice")
	require.ErrorContains(t, distinct([]string{"a", "b", "c", "d", "e"}), "at most 4")
}
