// Package power reads and prints computing power the way people write it: 2E,
// 0.5E. It never rounds: a power that cannot be held exactly is refused.
package power

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// MicroE is how many units in which the chain counts power are one E. One E is
// 10^12 multiply-accumulates a second.
const MicroE = 1_000_000

// decimals of one E.
const decimals = 6

// The reasons for which a power is refused.
var (
	ErrFormat   = errors.New("not a power")
	ErrTooFine  = errors.New("finer than 0.000001E, the smallest unit")
	ErrOverflow = errors.New("more than can be counted")
)

const example = "write for example 0.5E or 2E"

var shape = regexp.MustCompile(`^(\d+)(?:\.(\d+))?\s*[Ee]$`)

// Parse reads a power, for example 0.5E, and returns it in micro-E.
func Parse(s string) (uint64, error) {
	m := shape.FindStringSubmatch(strings.TrimSpace(s))
	if m == nil {
		return 0, fmt.Errorf("%.40q: %w: %s", s, ErrFormat, example)
	}
	fraction := strings.TrimRight(m[2], "0")
	if len(fraction) > decimals {
		return 0, fmt.Errorf("%.40q: %w", s, ErrTooFine)
	}
	micro, err := strconv.ParseUint(m[1]+fraction+strings.Repeat("0", decimals-len(fraction)), 10, 64)
	if err != nil { // digits only, so that it can be nothing but the size
		return 0, fmt.Errorf("%.40q: %w", s, ErrOverflow)
	}
	return micro, nil
}

// Format prints micro-E for people, exactly: 500000 as 0.5 E.
func Format(micro uint64) string {
	whole := strconv.FormatUint(micro/MicroE, 10)
	if fraction := strings.TrimRight(fmt.Sprintf("%06d", micro%MicroE), "0"); fraction != "" {
		whole += "." + fraction
	}
	return whole + " E"
}
