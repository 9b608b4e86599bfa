package router

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// step is where in a call somebody is killed.
type step int

const (
	sent   step = iota // the request is on its way
	asked              // the app has it, and says nothing yet
	said               // the app has said a token
	came               // a token has come to the program
	spoken             // the app has said all, and not [DONE]
	done               // [DONE] has come to the program, the receipt is on its way
	over               // the answer has ended; vouchers and redemption are on their way
	steps
)

func (s step) String() string {
	return [...]string{"sent", "asked", "said", "came", "spoken", "done", "over"}[s]
}

// victim is who is killed.
type victim int

const (
	program victim = iota
	worker
	router
	victims
)

func (v victim) String() string { return [...]string{"program", "worker", "router"}[v] }

// blow is one kill, and the calls around it.
type blow struct {
	victim victim
	step   step
	tokens int           // of the call in which it falls
	after  int           // tokens, for said and came
	late   time.Duration // after the step
	others []int         // tokens of calls beside it
}

func (b blow) String() string {
	where := b.step.String()
	if b.step == said || b.step == came {
		where = fmt.Sprintf("%s %d", where, b.after)
	}
	return fmt.Sprintf("%s at %s of %d tokens +%s, %d beside", b.victim, where, b.tokens, b.late, len(b.others))
}

// blows are drawn so that every victim falls at every step before one falls there again.
func blows(seed uint64, n int) []blow {
	r := rand.New(rand.NewPCG(seed, 1))
	var out []blow
	for len(out) < n {
		for _, i := range r.Perm(int(victims) * int(steps)) {
			b := blow{victim: victim(i % int(victims)), step: step(i / int(victims)), tokens: 2 + r.IntN(60)}
			b.after = 1 + r.IntN(b.tokens-1)
			switch {
			case b.step == over: // until it is redeemed, and longer
				b.late = time.Duration(r.Int64N(int64(5 * time.Second)))
			case r.IntN(2) == 0:
				b.late = time.Duration(r.Int64N(int64(3 * time.Millisecond)))
			}
			for range r.IntN(4) {
				b.others = append(b.others, 1+r.IntN(60))
			}
			out = append(out, b)
		}
	}
	return out[:n]
}
