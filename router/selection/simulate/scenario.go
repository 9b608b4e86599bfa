package simulate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/edgematrix/emc/router/selection"
)

// Node is how fast one is.
type Node struct {
	Service  time.Duration // of one call, on average
	Capacity int           // calls at the same time
	Lie      Lie
}

// Lie is what a node does that says at all times that it is idle.
type Lie uint8

// Honest is none.
const (
	Honest  Lie = iota
	Silent      // takes calls, and never answers
	Garbage     // answers at once, with something that is no answer
)

// Scenario is a network and its calls.
type Scenario struct {
	Nodes     []Node // at most 255
	Load      float64
	Calls     int
	Seed      uint64
	Lognormal bool          // service times; else exponential
	RoundTrip time.Duration // between router and node
	Gossip    time.Duration // between a node's announcements
	Delay     time.Duration // of each on its way
	Routers   int           // that share the calls, each by itself
	// FirstByte is after what time a router gives a call of a silent node to another one.
	FirstByte time.Duration
}

// Published is the scenario of the figure router.p99_vs_random: ten nodes whose service times are from 20 to 160 ms, loaded
// with 70 % of what they can do together; announcements each second that are a quarter of a second old.
func Published(seed uint64) Scenario {
	s := Scenario{
		Load: 0.7, Calls: 30_000, Seed: seed, RoundTrip: 4 * time.Millisecond, Gossip: time.Second, Delay: 250 * time.Millisecond, Routers: 1,
	}
	for i := range 10 {
		s.Nodes = append(s.Nodes, Node{Service: time.Duration(20e6 * math.Pow(8, float64(i)/9)), Capacity: 1})
	}
	return s
}

// Calm is the same where random choice holds too: at a fifth of what the nodes can do, its slowest has 76 % of what it can.
// At 70 % that one is given more than it can do, so that its queue, and with it the ratio, depend on how long one looks.
func Calm(seed uint64) Scenario {
	s := Published(seed)
	s.Load = 0.2
	return s
}

// call is one of the trace, which is the same for every policy.
type call struct {
	at     time.Duration
	work   float64 // 1 on average
	router int
}

func (s Scenario) source(stream uint64) rand.Source { return rand.NewPCG(s.Seed, stream) }

// calls are Poisson arrivals.
func (s Scenario) calls() []call {
	rate := 0.0 // calls a nanosecond
	for _, n := range s.Nodes {
		if n.Lie != Honest {
			continue
		}
		rate += float64(n.Capacity) / float64(n.Service)
	}
	rate *= s.Load
	r := rand.New(s.source(1))
	out := make([]call, s.Calls)
	at := 0.0
	for i := range out {
		at += r.ExpFloat64() / rate
		out[i] = call{at: time.Duration(at), work: r.ExpFloat64(), router: r.IntN(s.Routers)}
		if s.Lognormal {
			const sigma = 1.0
			out[i].work = math.Exp(sigma*r.NormFloat64() - sigma*sigma/2)
		}
	}
	return out
}

// P99VsRandom is the ratio of the 99th percentiles of P2C and Random over the same calls, and both in words.
func P99VsRandom(s Scenario) (ratio float64, words string, err error) {
	p2c, err := Run(s, selection.P2C{})
	if err != nil {
		return 0, "", err
	}
	random, err := Run(s, selection.Random{})
	if err != nil {
		return 0, "", err
	}
	words = fmt.Sprintf("p99 %s against %s, median %s against %s", p2c.P99.Round(time.Millisecond), random.P99.Round(time.Millisecond),
		p2c.P50.Round(time.Millisecond), random.P50.Round(time.Millisecond))
	return float64(p2c.P99) / float64(random.P99), words, nil
}
