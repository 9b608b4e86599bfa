package amount

import (
	"regexp"
	"strings"

	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"
)

// own matches what can only be meant as an amount of EMC, right or wrong.
var own = regexp.MustCompile(`(?i)^[-+]?[0-9][0-9.]*\s*u?emc$`)

// Looks reports whether s can only be meant as an amount of EMC, or as a list
// of amounts with one of EMC in it.
func Looks(s string) bool {
	for part := range strings.SplitSeq(s, ",") {
		if own.MatchString(strings.TrimSpace(part)) {
			return true
		}
	}
	return false
}

// Format prints a coin for people: 1500000uemc as 1.5 EMC. Other denominations
// are printed as the chain writes them.
func Format(coin sdk.Coin) string {
	if coin.Denom != BaseDenom || coin.Amount.IsNil() {
		return coin.String()
	}
	return FormatBase(coin.Amount) + " " + Symbol
}

// FormatBase prints a number of uemc as a number of EMC, exactly and without
// trailing zeros.
func FormatBase(uemc math.Int) string {
	digits := uemc.Abs().String()
	if len(digits) <= Exponent {
		digits = strings.Repeat("0", Exponent+1-len(digits)) + digits
	}
	whole, fraction := digits[:len(digits)-Exponent], strings.TrimRight(digits[len(digits)-Exponent:], "0")
	if fraction != "" {
		whole += "." + fraction
	}
	if uemc.IsNegative() {
		return "-" + whole
	}
	return whole
}

// FormatCoins prints a set of coins for people; the empty set is 0 EMC.
func FormatCoins(coins sdk.Coins) string {
	if len(coins) == 0 {
		return "0 " + Symbol
	}
	parts := make([]string, len(coins))
	for i, coin := range coins {
		parts[i] = Format(coin)
	}
	return strings.Join(parts, ", ")
}
