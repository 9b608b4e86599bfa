package selection

import (
	"encoding/hex"
	"math"
	"math/bits"
	"strings"
	"time"
)

// Key is a node's address: 20 bytes, as receipt.Address.
type Key [20]byte

// String is the hex of its first bytes; Config.Name gives a better one.
func (k Key) String() string { return hex.EncodeToString(k[:4]) }

// Node is what a node announced, beside what the chain knows of it. Its loads are not changed once it is announced.
type Node struct {
	Key        Key
	Region     string // ISO 3166: "DE" or "DE-BE"
	Isolation  uint32
	Power      uint64 // proven, micro-E
	Reputation Reputation
	Proving    bool // holds its calls still until it has proven
	Accepting  bool
	SeenAt     time.Time // when it announced this; zero is now
	Loads      []Load    // one for each app
}

// Load is what a node says of one app.
type Load struct {
	App       string
	UnitPrice uint64 // uemc
	CallPrice uint64 // uemc, for each call beside its units
	Running   uint32
	Queued    uint32
	Capacity  uint32 // calls at the same time; zero counts as one
	Ready     bool   // loaded, so that a call is answered at once
}

// Load finds an app's, or says that the node does not serve it.
func (n Node) Load(app string) (Load, bool) {
	for _, l := range n.Loads {
		if l.App == app {
			return l, true
		}
	}
	return Load{}, false
}

// Price is what a call of at most so many units costs at most. A sum beyond 64 bits is no price: a node could ask for one
// that wraps round to nothing.
func (l Load) Price(units uint64) (uemc uint64, ok bool) {
	high, low := bits.Mul64(units, l.UnitPrice)
	sum, carry := bits.Add64(low, l.CallPrice, 0)
	return sum, high == 0 && carry == 0
}

// Reputation counts what a node did, as the chain has it.
type Reputation struct{ Completed, Failed uint64 }

// Score is the share that was completed, in 1/10,000, as if one more had been completed and one more had failed: a node
// without a past has half, not all.
func (r Reputation) Score() uint32 {
	completed := float64(r.Completed) + 1
	return uint32(math.Floor(10_000 * completed / (completed + float64(r.Failed) + 1)))
}

// inRegion says whether a region is the wanted one or a part of it: "DE" has "DE-BE" in it, and not "DEX".
func inRegion(region, want string) bool {
	rest, ok := strings.CutPrefix(region, want)
	return ok && (want == "" || rest == "" || rest[0] == '-')
}

// countryOf is what stands before a region's first part.
func countryOf(region string) string {
	country, _, _ := strings.Cut(region, "-")
	return country
}
