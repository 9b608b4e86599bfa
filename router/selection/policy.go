package selection

import (
	"fmt"
	"time"
)

// Policy chooses one of the candidates, and says why in a few words. It finds none when there is none.
type Policy interface {
	Choose(Pool) (c Candidate, why string, ok bool)
}

// P2C takes the one of two random candidates that should be done first. Two choices are nearly as good as all, and routers
// that know the same do not all run to the same node. When both are about as good, the cheaper gets the call.
type P2C struct{}

// Choose implements Policy.
func (P2C) Choose(pool Pool) (Candidate, string, bool) {
	drawn, of := pool.Some(2)
	switch len(drawn) {
	case 0:
		return Candidate{}, "", false
	case 1:
		return drawn[0], fmt.Sprintf("p2c: %s, the only one found", short(drawn[0].Predicted)), true
	}
	c, other := drawn[0], drawn[1]
	if better(other, c) {
		c, other = other, c
	}
	among := "2 drawn"
	if of > 0 {
		among = fmt.Sprint(of, " eligible")
	}
	return c, fmt.Sprintf("p2c: %s of %s; other %s %s", short(c.Predicted), among, other.Name, short(other.Predicted)), true
}

// better compares what is predicted within a sixteenth: less is noise, and not worth a higher price.
func better(a, b Candidate) bool {
	if gap := a.Predicted - b.Predicted; max(gap, -gap) > max(a.Predicted, b.Predicted)/16 {
		return gap < 0
	}
	return a.Price < b.Price
}

// Random takes any candidate. P2C is measured against it.
type Random struct{}

// Choose implements Policy.
func (Random) Choose(pool Pool) (Candidate, string, bool) {
	drawn, _ := pool.Some(1)
	if len(drawn) == 0 {
		return Candidate{}, "", false
	}
	return drawn[0], "random", true
}

// RoundRobin takes one candidate after the other; the one behind a node that does not fit also gets that one's turn.
type RoundRobin struct{}

// Choose implements Policy.
func (RoundRobin) Choose(pool Pool) (Candidate, string, bool) {
	c, ok := pool.Next()
	return c, "round robin", ok
}

func short(d time.Duration) string {
	switch {
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d >= time.Millisecond:
		return d.Round(100 * time.Microsecond).String()
	}
	return d.Round(time.Microsecond).String()
}
