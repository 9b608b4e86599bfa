package selection

import (
	"math"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"
)

func FuzzPrice(f *testing.F) {
	f.Add(uint64(2), uint64(10), uint64(10))
	f.Add(uint64(1<<63), uint64(5), uint64(2))
	f.Add(uint64(math.MaxUint64), uint64(1), uint64(1))
	f.Add(uint64(math.MaxUint64), uint64(0), uint64(1))
	f.Add(uint64(1<<32), uint64(math.MaxUint64), uint64(1<<32))
	f.Fuzz(func(t *testing.T, unit, call, units uint64) {
		want := new(big.Int).Mul(new(big.Int).SetUint64(unit), new(big.Int).SetUint64(units))
		want.Add(want, new(big.Int).SetUint64(call))
		got, ok := Load{UnitPrice: unit, CallPrice: call}.Price(units)
		require.Equal(t, want.IsUint64(), ok)
		if ok {
			require.Equal(t, want.Uint64(), got)
		}
	})
}
