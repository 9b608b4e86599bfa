package amount_test

import (
	"strings"
	"testing"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/amount"
)

func amountSeeds(f *testing.F) {
	f.Helper()
	for _, s := range []string{
		"", " ", "25emc", "0.5EMC", "1.500000000emc", "0.000001emc", "0.0000001emc", "007uemc", "4.0uemc", "0emc", "-5emc", "25 emc",
		"1e6uemc", ".5emc", "5.emc", "12" + voucher, "12transfer/channel-0/uatom", "5ibc/ABC", "5a/b", "1emc,3" + voucher, "1emc,5uemc", "1,5emc",
		"0.01uemc", "0.000000000000000001uemc", "1e18emc", "٣emc", "5\u00a0emc", "5emc\x00", strings.Repeat("9", 100) + "emc",
		"115792089237316195423570985008687907853269984665640564039457584007913129639935uemc",
	} {
		f.Add(s)
	}
}

// What parses is a valid coin, and what is printed for it parses back to the same coin, for people and for the chain.
func FuzzParseCoin(f *testing.F) {
	amountSeeds(f)
	f.Fuzz(func(t *testing.T, in string) {
		coin, err := amount.ParseCoin(in)
		if err != nil {
			return
		}
		if coin.Validate() != nil {
			t.Fatalf("%q became the invalid %s", in, coin)
		}
		for _, text := range []string{amount.Format(coin), coin.String()} {
			back, err := amount.ParseCoin(text)
			if err != nil || !back.Equal(&coin) {
				t.Fatalf("%q became %s, which is written %q and read as %s (%v)", in, coin, text, back, err)
			}
		}
		if own := coin.Denom == amount.BaseDenom; own && !strings.Contains(in, ",") && !amount.Looks(in) {
			t.Fatalf("%q is an amount of EMC and does not look like one", in)
		}
	})
}

// A list is a valid set of coins, and one coin alone means the same in a list.
func FuzzParseCoins(f *testing.F) {
	amountSeeds(f)
	f.Fuzz(func(t *testing.T, in string) {
		coins, err := amount.ParseCoins(in)
		if err != nil {
			return
		}
		if err := coins.Validate(); err != nil {
			t.Fatalf("%q became the invalid set %s: %v", in, coins, err)
		}
		back, err := amount.ParseCoins(coins.String())
		if err != nil || !back.Equal(coins) {
			t.Fatalf("%q became %s, which is read as %s (%v)", in, coins, back, err)
		}
		if one, err := amount.ParseCoin(in); err == nil && !sdk.NewCoins(one).Equal(coins) {
			t.Fatalf("%q is %s alone and %s in a list", in, one, coins)
		}
	})
}

// A price is a valid decimal coin, and is read back as itself.
func FuzzParsePrices(f *testing.F) {
	amountSeeds(f)
	f.Fuzz(func(t *testing.T, in string) {
		prices, err := amount.ParsePrices(in)
		if err != nil {
			return
		}
		if err := prices.Validate(); err != nil {
			t.Fatalf("%q became the invalid prices %s: %v", in, prices, err)
		}
		back, err := amount.ParsePrices(prices.String())
		if err != nil || !back.Equal(prices) {
			t.Fatalf("%q became %s, which is read as %s (%v)", in, prices, back, err)
		}
	})
}
