package cmd

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/x/compute/types"
)

func TestPowerOnChain(t *testing.T) {
	v := types.NodeView{Node: types.Node{Offer: types.Offer{Slots: 4}}}
	require.Equal(t, "none to sell yet: it is the lower quartile of the last windows", powerOnChain(&v))
	v.Node.Power, v.Node.ReservedPower = 2_000_000, 500_000
	require.Equal(t, "2 E, 0.5 E a slot, 1.5 E not promised", powerOnChain(&v))
	v.Node.ReservedPower = 3_000_000
	require.Equal(t, "2 E, 0.5 E a slot, 0 E not promised", powerOnChain(&v))
}
