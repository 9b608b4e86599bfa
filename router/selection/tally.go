package selection

import (
	"fmt"
	"math"
	"time"
)

// tally counts why nodes did not get a call, with the best that those had which lacked something.
type tally struct {
	total     int
	count     [reasons]int
	cheapest  uint64 // math.MaxUint64: none has a price that fits into 64 bits
	isolation uint32
	power     uint64
	score     uint32
	region    string        // where one of those elsewhere is
	soonest   time.Duration // when one may be free
}

func newTally() tally { return tally{cheapest: math.MaxUint64, soonest: math.MaxInt64} }

func (t *tally) note(o *offer, why reason, wait time.Duration, units uint64) {
	t.total++
	t.count[why]++
	switch why {
	case elsewhere:
		t.region = o.region
	case exposed:
		t.isolation = max(t.isolation, o.isolation)
	case weak:
		t.power = max(t.power, o.power)
	case disreputable:
		t.score = max(t.score, o.score)
	case dear:
		if price, ok := o.price(units); ok {
			t.cheapest = min(t.cheapest, price)
		}
	case proving, failing, busy:
		t.soonest = min(t.soonest, wait)
	default:
	}
}

// refusal is what to tell a customer whom nobody can serve. A node that only time keeps away is worth waiting for, however
// many others do not fit.
func (t *tally) refusal(w Wants) error {
	if waiting := t.count[proving] + t.count[failing] + t.count[busy]; waiting > 0 {
		return Overloaded{
			RetryAfter: max(t.soonest, minRetry),
			Words: fmt.Sprintf("the %d nodes that would serve %q are busy (%d), proving (%d) or failing (%d)",
				waiting, w.App, t.count[busy], t.count[proving], t.count[failing]),
		}
	}
	if left := t.total - t.count[another]; left > 0 { // what keeps the only one away is what counts
		t.total, t.count[another] = left, 0
	}
	most := fits
	for why := stale; why < reasons; why++ {
		if t.count[why] > t.count[most] {
			most = why
		}
	}
	return wrap(ErrNoNode, "%s", t.words(most, w))
}

func (t *tally) words(why reason, w Wants) string {
	n := t.count[why]
	switch why {
	case stale:
		return fmt.Sprintf("the %d nodes that served %q have not been heard of lately: try again later", n, w.App)
	case unready:
		return fmt.Sprintf("%d of %d nodes that serve %q are still making it ready: try again in a minute", n, t.total, w.App)
	case refusing:
		return fmt.Sprintf("%d of %d nodes that serve %q take no calls at present: try again later", n, t.total, w.App)
	case elsewhere:
		return fmt.Sprintf("no node that serves %q is in %s, but one is in %s: ask for another region, or for none", w.App, w.Region, orNowhere(t.region))
	case exposed:
		return fmt.Sprintf("the best node isolates calls by tier %d, wanted %d: lower the tier", t.isolation, w.MinIsolation)
	case weak:
		return fmt.Sprintf("the strongest node has proven %d micro-E, wanted %d: lower the power", t.power, w.MinPower)
	case disreputable:
		return fmt.Sprintf("the best reputation is %d of 10,000, wanted %d: lower it", t.score, w.MinReputation)
	case dear:
		if t.cheapest == math.MaxUint64 {
			return fmt.Sprintf("%d units cost more than there is at every node: allow fewer", w.Units)
		}
		return fmt.Sprintf("the cheapest node wants %d uemc for at most %d units, allowed %d: allow more, or fewer units", t.cheapest, w.Units, w.MaxPrice)
	case excluded:
		return fmt.Sprintf("all %d nodes that fit were tried: start the call again, or ask for less", n)
	case another:
		return fmt.Sprintf("the only node that may answer does not serve %q: ask for an app that it serves", w.App)
	default:
		return fmt.Sprintf("no node serves %q: check its name, or wait until a node offers it", w.App)
	}
}

func orNowhere(region string) string {
	if region == "" {
		return "a region that it does not name"
	}
	return region
}
