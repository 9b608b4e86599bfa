package power_test

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/edgematrix/emc/pkg/power"
)

func TestParse(t *testing.T) {
	for _, test := range []struct {
		name, in string
		want     uint64
		err      error
	}{
		{"success - part of an E", "0.5E", 500_000, nil},
		{"success - whole", "12E", 12_000_000, nil},
		{"success - spaces", " 2 E ", 2_000_000, nil},
		{"success - small letter", "2e", 2_000_000, nil},
		{"success - smallest", "0.000001E", 1, nil},
		{"success - trailing zeros are no precision", "1.50000000E", 1_500_000, nil},
		{"success - none", "0E", 0, nil},
		{"success - largest", "18446744073709.551615E", math.MaxUint64, nil},
		{"error - beyond the largest", "18446744073709.551616E", 0, power.ErrOverflow},
		{"error - absurd", strings.Repeat("9", 5_000) + "E", 0, power.ErrOverflow},
		{"error - too fine", "0.0000001E", 0, power.ErrTooFine},
		{"error - no unit", "0.5", 0, power.ErrFormat},
		{"error - exponent", "1e6", 0, power.ErrFormat},
		{"error - negative", "-1E", 0, power.ErrFormat},
		{"error - no digit before the point", ".5E", 0, power.ErrFormat},
		{"error - no digit after the point", "5.E", 0, power.ErrFormat},
		{"error - another unit", "5EMC", 0, power.ErrFormat},
		{"error - empty", "", 0, power.ErrFormat},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := power.Parse(test.in)
			if test.err != nil {
				require.ErrorIs(t, err, test.err)
				require.Less(t, len(err.Error()), 200, "the error repeats absurd input")
				return
			}
			require.NoError(t, err)
			require.Equal(t, test.want, got)
		})
	}
}

func TestFormat(t *testing.T) {
	for in, want := range map[uint64]string{
		0: "0 E", 1: "0.000001 E", 500_000: "0.5 E", 1_000_000: "1 E", 12_345_678: "12.345678 E", 10_000_000: "10 E", 1_000_010: "1.00001 E",
		math.MaxUint64: "18446744073709.551615 E",
	} {
		require.Equal(t, want, power.Format(in))
	}
}

// What is printed reads back as the same power.
func TestFormatRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		micro := rapid.Uint64().Draw(t, "micro-E")
		back, err := power.Parse(power.Format(micro))
		if err != nil || back != micro {
			t.Fatalf("%d printed as %q reads as %d (%v)", micro, power.Format(micro), back, err)
		}
	})
}
