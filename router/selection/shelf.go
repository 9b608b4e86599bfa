package selection

import "sync/atomic"

// offer is a node's of one app, with what choosing asks of it, side by side: a look at all of them is one pass over memory.
type offer struct {
	unitPrice, callPrice uint64
	power                uint64
	seenAt               int64 // Unix, ns
	region               string
	entry                *entry
	meter                *meter
	place                int // in entry.places
	isolation            uint32
	score                uint32
	capacity             uint32
	held                 reason // what keeps it from serving until it announces otherwise; fits: nothing
}

// shelf holds the offers of an app, everywhere or in one country: those that can serve in front.
type shelf struct {
	offers  []offer
	live    int
	typical *typical
	turn    atomic.Uint64
}

type shelfKey struct{ app, country string }

// place is where an entry's offer stands.
type place struct {
	key   shelfKey
	shelf *shelf
	at    int
}

func (s *shelf) add(o offer) {
	at := len(s.offers)
	s.offers = append(s.offers, offer{})
	s.put(at, o)
	if o.held == fits {
		s.swap(at, s.live)
		s.live++
	}
}

func (s *shelf) remove(at int) {
	if at < s.live {
		s.live--
		s.swap(at, s.live)
		at = s.live
	}
	last := len(s.offers) - 1
	s.swap(at, last)
	s.offers[last] = offer{}
	s.offers = s.offers[:last]
}

func (s *shelf) put(at int, o offer) {
	s.offers[at] = o
	o.entry.places[o.place].at = at
}

func (s *shelf) swap(a, b int) {
	if a != b {
		oa, ob := s.offers[a], s.offers[b]
		s.put(a, ob)
		s.put(b, oa)
	}
}
