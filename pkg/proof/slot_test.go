package proof

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSlot(t *testing.T) {
	draw := [32]byte{1, 2, 3}
	counts := make([]int, 30)
	for i := range 3000 {
		counts[Slot(draw, [20]byte{byte(i), byte(i >> 8)}, 60)]++
	}
	for slot, n := range counts {
		require.InDelta(t, 100, n, 50, "slot %d", slot)
	}
	for _, blocks := range []uint64{0, 1, 2, 3} {
		require.Zero(t, Slot(draw, [20]byte{7}, blocks), "%d blocks", blocks)
	}
	require.NotEqual(t, Slot(draw, [20]byte{7}, 1<<40), Slot([32]byte{9}, [20]byte{7}, 1<<40))
	require.Equal(t, uint64(0xe6ddd7df73072b6), Slot(draw, [20]byte{0xEC}, 1<<62), "golden")
}
