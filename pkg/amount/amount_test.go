package amount_test

import (
	"errors"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/amount"
)

const voucher = "ibc/27394FB092D2ECCD56123C74F36E4C1F926001CEADA9CA97EA622B25F41E5EB2"

func TestParseCoin(t *testing.T) {
	tests := []struct {
		name, in, want string
		err            error
	}{
		{"success - whole emc", "25emc", "25000000uemc", nil},
		{"success - part of an emc", "0.5emc", "500000uemc", nil},
		{"success - base unit", "25uemc", "25uemc", nil},
		{"success - ticker", "1.5EMC", "1500000uemc", nil},
		{"success - base unit in capitals", "7UEMC", "7uemc", nil},
		{"success - a space between", "25 emc", "25000000uemc", nil},
		{"success - spaces around", "  3uemc ", "3uemc", nil},
		{"success - smallest", "0.000001emc", "1uemc", nil},
		{"success - trailing zeros are no precision", "1.500000000emc", "1500000uemc", nil},
		{"success - whole uemc with a point", "4.0uemc", "4uemc", nil},
		{"success - zero", "0emc", "0uemc", nil},
		{"success - leading zeros", "007uemc", "7uemc", nil},
		{"success - voucher", "12" + voucher, "12" + voucher, nil},
		{"success - trace path", "12transfer/channel-0/uatom", "12transfer/channel-0/uatom", nil},
		{"error - finer than the unit", "0.0000001emc", "", amount.ErrTooFine},
		{"error - part of a uemc", "1.5uemc", "", amount.ErrTooFine},
		{"error - negative", "-5emc", "", amount.ErrNegative},
		{"error - empty", "", "", amount.ErrEmpty},
		{"error - blank", "   ", "", amount.ErrEmpty},
		{"error - no unit", "25", "", amount.ErrDenom},
		{"error - no number", "emc", "", amount.ErrFormat},
		{"error - exponent", "1e6uemc", "", amount.ErrDenom},
		{"error - two points", "1.2.3emc", "", amount.ErrFormat},
		{"error - no digit before the point", ".5emc", "", amount.ErrFormat},
		{"error - no digit after the point", "5.emc", "", amount.ErrFormat},
		{"error - plus", "+5emc", "", amount.ErrFormat},
		{"error - list", "5emc,6emc", "", amount.ErrFormat},
		{"error - misspelt", "5mec", "", amount.ErrDenom},
		{"error - longer name", "5emcc", "", amount.ErrDenom},
		{"error - foreign", "5stake", "", amount.ErrDenom},
		{"error - short voucher", "5ibc/ABC", "", amount.ErrDenom},
		{"error - part of a voucher", "1.5" + voucher, "", amount.ErrFormat},
		{"error - 2^256", new(big.Int).Lsh(big.NewInt(1), 256).String() + "uemc", "", amount.ErrOverflow},
		{"error - overflow through the unit", new(big.Int).Lsh(big.NewInt(1), 255).String() + "emc", "", amount.ErrOverflow},
		{"error - endless digits", strings.Repeat("9", 5000) + "emc", "", amount.ErrOverflow},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			coin, err := amount.ParseCoin(test.in)
			if test.err != nil {
				require.ErrorIs(t, err, test.err)
				require.Less(t, len(err.Error()), 300, "the error repeats absurd input")
				return
			}
			require.NoError(t, err)
			require.Equal(t, test.want, coin.String())
		})
	}
}

func TestParseCoins(t *testing.T) {
	coins, err := amount.ParseCoins("0.5emc,3" + voucher)
	require.NoError(t, err)
	require.Equal(t, "3"+voucher+",500000uemc", coins.String())

	coins, err = amount.ParseCoins("")
	require.NoError(t, err)
	require.Empty(t, coins)

	_, err = amount.ParseCoins("1emc,5uemc")
	require.ErrorIs(t, err, amount.ErrTwice)
	_, err = amount.ParseCoins("1emc,")
	require.ErrorIs(t, err, amount.ErrEmpty)
	_, err = amount.ParseCoins("1,5emc")
	require.ErrorIs(t, err, amount.ErrDenom)
}

func TestParsePrices(t *testing.T) {
	for in, want := range map[string]string{
		"0.01uemc":         "0.010000000000000000uemc",
		"0.00000001emc":    "0.010000000000000000uemc",
		"0uemc":            "",
		"1EMC":             "1000000.000000000000000000uemc",
		"0.5" + voucher:    "0.500000000000000000" + voucher,
		"":                 "",
		"0.25uemc,2a/b/cd": "2.000000000000000000a/b/cd,0.250000000000000000uemc",
	} {
		prices, err := amount.ParsePrices(in)
		require.NoError(t, err, in)
		require.Equal(t, want, prices.String(), in)
	}
	for in, want := range map[string]error{
		"-1uemc": amount.ErrNegative, "1stake": amount.ErrDenom, "1emc,1uemc": amount.ErrTwice,
		"0.0000000000000000001uemc": amount.ErrFormat,
	} {
		_, err := amount.ParsePrices(in)
		require.ErrorIs(t, err, want, in)
	}
}

// What is printed reads back as the same amount.
func TestFormatRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := new(big.Int).SetBytes(rapid.SliceOfN(rapid.Byte(), 0, 32).Draw(t, "amount"))
		coin := sdk.Coin{Denom: amount.BaseDenom, Amount: math.NewIntFromBigInt(value)}
		back, err := amount.ParseCoin(amount.Format(coin))
		if err != nil || !back.Equal(&coin) {
			t.Fatalf("%s printed as %q reads as %s (%v)", coin, amount.Format(coin), back, err)
		}
	})
}

// No input makes the parser panic or lose precision.
func TestParseAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.StringMatching(`-?[0-9]{0,90}(\.[0-9]{0,12})? ?(u?emc|EMC|stake|ibc/[0-9A-F]{4}|)`).Draw(t, "in")
		coin, err := amount.ParseCoin(in)
		if err == nil {
			if coin.Amount.IsNegative() || coin.Validate() != nil {
				t.Fatalf("%q became the invalid %s", in, coin)
			}
			return
		}
		for _, known := range []error{
			amount.ErrEmpty, amount.ErrFormat, amount.ErrNegative, amount.ErrTooFine, amount.ErrOverflow, amount.ErrDenom,
		} {
			if errors.Is(err, known) {
				return
			}
		}
		t.Fatalf("%q: unexpected error %v", in, err)
	})
}

func TestLooks(t *testing.T) {
	for in, want := range map[string]bool{
		"25emc": true, "0.5EMC": true, "-1uemc": true, "1.2.3emc": true, "5emc,3" + voucher: true,
		"emc1qqqq": false, "alice": false, "25": false, "25stake": false, "": false, "node25emc": false,
	} {
		require.Equal(t, want, amount.Looks(in), in)
	}
}

func TestFormat(t *testing.T) {
	for in, want := range map[int64]string{
		0: "0 EMC", 1: "0.000001 EMC", 1_500_000: "1.5 EMC", 10_000_000: "10 EMC", 999_999: "0.999999 EMC",
	} {
		require.Equal(t, want, amount.Format(sdk.NewInt64Coin(amount.BaseDenom, in)))
	}
	require.Equal(t, "-1.5", amount.FormatBase(math.NewInt(-1_500_000)))
}
