package measure

import (
	"fmt"
	"strings"
)

// Report is what was measured. Rates are multiply-accumulates a second.
type Report struct {
	Backend string `json:"backend"`
	N       int    `json:"n"`
	Threads int    `json:"threads"`
	Rounds  uint64 `json:"rounds"`
	// Seconds is how long the rounds took.
	Seconds float64 `json:"seconds"`
	Rate    float64 `json:"macs_per_second"`
	// E is the power: 10^12 multiply-accumulates a second.
	E float64 `json:"e"`
	// Ceiling is the rate of the same cores on registers alone.
	Ceiling   float64 `json:"ceiling_macs_per_second"`
	OfCeiling float64 `json:"of_ceiling"`
	// Overhead is the share of time outside multiplication, and its parts.
	Overhead float64 `json:"overhead_share"`
	Generate float64 `json:"generate_share"`
	Fold     float64 `json:"fold_share"`
	Hash     float64 `json:"hash_share"`
	// Memory is what the prover works in, in bytes, without the leaves that it keeps.
	Memory int64 `json:"memory_bytes"`
	// ProofBytes and VerifyMillis are of a proof with Samples openings.
	Samples      int     `json:"samples"`
	ProofBytes   int     `json:"proof_bytes"`
	VerifyMillis float64 `json:"verify_ms"`
	// Verdict is all of it in a sentence or two.
	Verdict string `json:"verdict"`
}

// words is the verdict.
func (r Report) words() string {
	var b strings.Builder
	fmt.Fprintf(&b, "This machine proves %s with %s on %s: %.0f %% of what those can multiply at all.", power(r.E), r.Backend, cores(r.Threads), 100*r.OfCeiling)
	switch {
	case r.Backend == "go":
		b.WriteString(" Pure Go is the slowest way: a processor with AVX2 or AVX-512 VNNI proves ten to sixty times as much.")
	case r.OfCeiling < 0.6:
		b.WriteString(" That is little; either something else runs here, or another n suits this machine better (try --n 2048).")
	case r.Overhead > 0.1:
		b.WriteString(" Much of the time went into making and hashing matrices; a larger n hides that (try twice as much).")
	}
	return b.String()
}

func power(e float64) string {
	if e < 0.1 {
		return fmt.Sprintf("%.1f mE", 1000*e)
	}
	return fmt.Sprintf("%.3f E", e)
}

func cores(n int) string {
	if n == 1 {
		return "one core"
	}
	return fmt.Sprintf("%d cores", n)
}
