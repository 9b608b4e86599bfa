package selection

import "time"

const (
	// few offers are all looked at, so that the choice is among all that fit.
	few = 32
	// tries bounds the random looks at many offers.
	tries = 32
)

// Candidate is a node that fits a call.
type Candidate struct {
	Key       Key
	Name      string
	Price     uint64        // uemc at most
	Predicted time.Duration // until the call is done
	at        int           // on the shelf
}

// Pool is what a policy chooses from.
type Pool interface {
	// Some returns at most k different candidates, drawn at random, and among how many if they were counted.
	Some(k int) (drawn []Candidate, of int)
	// Next is the candidate whose turn it is.
	Next() (Candidate, bool)
}

// pool is a shelf as one call sees it. The table's lock is held meanwhile.
type pool struct {
	asked
	table *Table
	shelf *shelf
	tally tally
}

// Some implements Pool.
func (p *pool) Some(k int) ([]Candidate, int) {
	s := p.shelf
	var found [few]int
	n := 0
	if s.live > few {
		for i := 0; i < tries && n < min(k, few); i++ {
			at := p.table.rand.IntN(s.live)
			if holds(found[:n], at) {
				continue
			}
			if why, _ := p.judge(&s.offers[at]); why == fits {
				found[n] = at
				n++
			}
		}
	}
	if n == 0 {
		n = p.scan(&found)
	}
	of := 0
	if s.live <= few {
		of = n
	}
	// The first k of a random order.
	drawn := make([]Candidate, 0, k)
	for i := 0; i < n && len(drawn) < k; i++ {
		j := i + p.table.rand.IntN(n-i)
		found[i], found[j] = found[j], found[i]
		drawn = append(drawn, p.candidate(found[i]))
	}
	return drawn, of
}

// scan looks at the offers one after another from a random one on, until it has some that fit. When it has none, the tally
// tells why.
func (p *pool) scan(found *[few]int) (n int) {
	s := p.shelf
	if s.live == 0 {
		return 0
	}
	enough, first := few, 0
	if s.live > few {
		// The one after a long row of others would be found too often if it were the only one to choose.
		enough, first = few/8, p.table.rand.IntN(s.live)
	}
	for i := 0; i < s.live && n < enough; i++ {
		at := first + i
		if at >= s.live {
			at -= s.live
		}
		if p.look(at) {
			found[n] = at
			n++
		}
	}
	return n
}

func (p *pool) look(at int) bool {
	o := &p.shelf.offers[at]
	why, wait := p.judge(o)
	p.tally.note(o, why, wait, p.Units)
	return why == fits
}

// Next implements Pool.
func (p *pool) Next() (Candidate, bool) {
	n := uint64(p.shelf.live)
	if n == 0 {
		return Candidate{}, false
	}
	turn := p.shelf.turn.Add(1) - 1
	for i := range n {
		if at := int((turn + i) % n); p.look(at) {
			return p.candidate(at), true
		}
	}
	return Candidate{}, false
}

func (p *pool) candidate(at int) Candidate {
	o := &p.shelf.offers[at]
	price, _ := o.price(p.Units)
	unknown := p.shelf.typical.guess(p.cfg.FirstGuess)
	return Candidate{
		Key: o.entry.node.Key, Name: o.entry.name, Price: price, at: at,
		Predicted: o.entry.record.predict(o.meter, o.capacity, p.now, unknown, p.cfg.Memory),
	}
}

// refusal is the error when nobody fits. A scan has counted those that can serve; the others are counted here.
func (p *pool) refusal() error {
	for at := p.shelf.live; at < len(p.shelf.offers); at++ {
		p.look(at)
	}
	return p.tally.refusal(p.Wants)
}

func holds(found []int, at int) bool {
	for _, f := range found {
		if f == at {
			return true
		}
	}
	return false
}
