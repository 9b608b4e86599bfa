// Package amount reads and prints amounts of money the way people write them:
// 25emc, 0.5emc, 1.5EMC and 25uemc. It never rounds: an amount that cannot be
// held exactly is refused.
package amount

import (
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"strings"

	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"
)

const (
	// BaseDenom is the unit in which the chain counts.
	BaseDenom = "uemc"
	// DisplayDenom is the unit that people read: 1 emc = 10^Exponent uemc.
	DisplayDenom = "emc"
	// Symbol is the ticker, accepted in place of DisplayDenom.
	Symbol = "EMC"
	// Exponent is the power of ten between the two units.
	Exponent = 6

	// maxDigits refuses absurd input before any arithmetic is done on it.
	maxDigits = 100
	// maxBits is the size of the chain's integers.
	maxBits = 256
)

// The reasons for which an amount is refused.
var (
	ErrEmpty    = errors.New("the amount is empty")
	ErrFormat   = errors.New("not an amount")
	ErrNegative = errors.New("an amount cannot be negative")
	ErrTooFine  = errors.New("finer than 1 uemc, the smallest unit")
	ErrOverflow = errors.New("more than can be counted")
	ErrDenom    = errors.New("unknown denomination")
	ErrTwice    = errors.New("the same denomination twice")
)

const example = "write for example 25emc, 0.5emc or 25uemc"

var (
	shape    = regexp.MustCompile(`^(-?)(\d+)(?:\.(\d+))?\s*([a-zA-Z][a-zA-Z0-9/:._-]*)?$`)
	ibcDenom = regexp.MustCompile(`^ibc/[0-9A-F]{64}$`)
)

// ParseCoin reads one amount and returns it in the chain's unit. An IBC
// denomination (ibc/…, transfer/…) passes through with a whole amount.
func ParseCoin(s string) (sdk.Coin, error) {
	whole, fraction, denom, err := split(s)
	if err != nil {
		return sdk.Coin{}, err
	}
	exponent := 0
	if isOwn(denom) {
		if strings.EqualFold(denom, DisplayDenom) {
			exponent = Exponent
		}
		denom = BaseDenom
	} else if err := checkForeign(denom); err != nil {
		return sdk.Coin{}, fmt.Errorf("%q: %w", s, err)
	}
	fraction = strings.TrimRight(fraction, "0")
	if len(fraction) > exponent {
		if denom != BaseDenom {
			return sdk.Coin{}, fmt.Errorf("%q: %w: %s has no fractions", s, ErrFormat, denom)
		}
		return sdk.Coin{}, fmt.Errorf("%q: %w (0.000001emc)", s, ErrTooFine)
	}
	value, ok := new(big.Int).SetString(whole+fraction+strings.Repeat("0", exponent-len(fraction)), 10)
	if !ok {
		return sdk.Coin{}, fmt.Errorf("%q: %w: %s", s, ErrFormat, example)
	}
	if value.BitLen() > maxBits {
		return sdk.Coin{}, fmt.Errorf("%q: %w (at most 2^%d-1 uemc)", s, ErrOverflow, maxBits)
	}
	return sdk.Coin{Denom: denom, Amount: math.NewIntFromBigInt(value)}, nil
}

// ParseCoins reads amounts separated by commas. Zero amounts are dropped, as in
// every set of coins; the empty string is the empty set.
func ParseCoins(s string) (sdk.Coins, error) {
	if strings.TrimSpace(s) == "" {
		return nil, nil
	}
	var coins []sdk.Coin
	seen := map[string]bool{}
	for part := range strings.SplitSeq(s, ",") {
		coin, err := ParseCoin(part)
		if err != nil {
			return nil, err
		}
		if seen[coin.Denom] {
			return nil, fmt.Errorf("%q: %w: %s", s, ErrTwice, coin.Denom)
		}
		seen[coin.Denom] = true
		coins = append(coins, coin)
	}
	return sdk.NewCoins(coins...), nil
}

// ParsePrices reads prices per unit of gas separated by commas, for example
// 0.01uemc. A price may be finer than the smallest unit.
func ParsePrices(s string) (sdk.DecCoins, error) {
	if strings.TrimSpace(s) == "" {
		return nil, nil
	}
	var prices []sdk.DecCoin
	seen := map[string]bool{}
	for part := range strings.SplitSeq(s, ",") {
		whole, fraction, denom, err := split(part)
		if err != nil {
			return nil, err
		}
		text := whole
		if fraction != "" {
			text += "." + fraction
		}
		price, err := math.LegacyNewDecFromStr(text)
		if err != nil {
			return nil, fmt.Errorf("%q: %w: a price has at most %d decimal places", part, ErrFormat, math.LegacyPrecision)
		}
		if isOwn(denom) {
			if strings.EqualFold(denom, DisplayDenom) {
				price = price.MulInt64(1_000_000)
			}
			denom = BaseDenom
		} else if err := checkForeign(denom); err != nil {
			return nil, fmt.Errorf("%q: %w", part, err)
		}
		if seen[denom] {
			return nil, fmt.Errorf("%q: %w: %s", s, ErrTwice, denom)
		}
		seen[denom] = true
		prices = append(prices, sdk.DecCoin{Denom: denom, Amount: price})
	}
	return sdk.NewDecCoins(prices...), nil
}

// split takes an amount apart without judging its denomination.
func split(s string) (whole, fraction, denom string, err error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return "", "", "", fmt.Errorf("%w: %s", ErrEmpty, example)
	}
	m := shape.FindStringSubmatch(s)
	if m == nil {
		return "", "", "", fmt.Errorf("%q: %w: %s", clip(s), ErrFormat, example)
	}
	if m[4] == "" {
		return "", "", "", fmt.Errorf("%q: %w: it has no unit, %s", clip(s), ErrDenom, example)
	}
	if m[1] != "" {
		return "", "", "", fmt.Errorf("%q: %w", clip(s), ErrNegative)
	}
	if len(m[2])+len(m[3]) > maxDigits {
		return "", "", "", fmt.Errorf("%q: %w (at most %d digits)", clip(s), ErrOverflow, maxDigits)
	}
	return m[2], m[3], m[4], nil
}

func isOwn(denom string) bool {
	return strings.EqualFold(denom, BaseDenom) || strings.EqualFold(denom, DisplayDenom)
}

// checkForeign lets the denominations of other chains pass, which all hold a
// slash; anything else is taken for a slip of the pen.
func checkForeign(denom string) error {
	switch {
	case strings.HasPrefix(strings.ToLower(denom), "ibc/"):
		if !ibcDenom.MatchString(denom) {
			return fmt.Errorf("%w: an IBC denomination is ibc/ and 64 hexadecimal digits in capitals", ErrDenom)
		}
	case !strings.Contains(denom, "/"):
		return fmt.Errorf("%w %q: %s (coins of other chains are named ibc/…)", ErrDenom, clip(denom), example)
	case sdk.ValidateDenom(denom) != nil:
		return fmt.Errorf("%w %q", ErrDenom, clip(denom))
	}
	return nil
}

// clip keeps an error readable when the input is not.
func clip(s string) string {
	const most = 80
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
