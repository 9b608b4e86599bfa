package selection

import (
	"slices"
	"time"
)

// Wants is what a call asks of a node. Zero values ask for nothing, but for MaxPrice.
type Wants struct {
	App           string
	MaxPrice      uint64 // uemc, for the whole call
	Units         uint64 // at most so many
	Region        string // "DE" is also content with "DE-BE"
	MinIsolation  uint32
	MinPower      uint64 // micro-E
	MinReputation uint32 // Reputation.Score, 1/10,000
	Exclude       []Key  // those that this call was given to already
	Only          Key    // the one node that may answer; zero: any
}

// reason is why a node does not get a call. Their order is that of the checks: what the customer may change stands before
// what time may mend, so that "try again" is said only of nodes that fit otherwise.
type reason uint8

const (
	fits reason = iota
	stale
	unready
	refusing
	elsewhere
	exposed
	weak
	disreputable
	dear
	excluded
	another // than the only one
	proving
	failing
	busy
	reasons
)

// heldBy is what keeps a node from serving an app until it announces otherwise.
func heldBy(n Node, l Load) reason {
	switch {
	case !l.Ready:
		return unready
	case !n.Accepting:
		return refusing
	case n.Proving:
		return proving
	}
	return fits
}

// asked is a call's wants at a moment.
type asked struct {
	Wants
	now      time.Time
	freshest int64 // an announcement before this is stale; Unix, ns
	cfg      *Config
}

// judge says why a node does not get the call, or that it may, and in how long it is worth asking again.
func (a *asked) judge(o *offer) (reason, time.Duration) {
	switch {
	case a.Only != (Key{}) && o.entry.node.Key != a.Only:
		return another, 0
	case o.seenAt < a.freshest:
		return stale, 0
	case o.held == unready || o.held == refusing:
		return o.held, 0
	case a.Region != "" && !inRegion(o.region, a.Region):
		return elsewhere, 0
	case o.isolation < a.MinIsolation:
		return exposed, 0
	case o.power < a.MinPower:
		return weak, 0
	case o.score < a.MinReputation:
		return disreputable, 0
	}
	if price, ok := o.price(a.Units); !ok || price > a.MaxPrice {
		return dear, 0
	}
	if len(a.Exclude) > 0 && slices.Contains(a.Exclude, o.entry.node.Key) {
		return excluded, 0
	}
	if o.held == proving {
		return proving, a.cfg.Proving
	}
	return o.entry.record.admits(o.meter, a.now, &a.cfg.Breaker)
}

func (o *offer) price(units uint64) (uint64, bool) {
	return Load{UnitPrice: o.unitPrice, CallPrice: o.callPrice}.Price(units)
}
