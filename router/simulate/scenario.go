// Package simulate runs the gossip of a whole region in one process: routers and
// workers are real ends of pkg/mesh on real libp2p hosts, which are joined by libp2p's
// own network in memory, where every link has a delay. What is left out is what runs
// below gossip: Noise, TCP and QUIC.
package simulate

import (
	"time"

	"github.com/edgematrix/emc/pkg/mesh"
)

// Scenario is a region.
type Scenario struct {
	Routers int
	Links   int // of a router with others
	Workers int
	Homes   int           // routers that a worker is connected with
	Every   time.Duration // a worker speaks
	Delay   time.Duration // of each link, one way
	Measure time.Duration // for the honest alone, and again with liars
	Stale   time.Duration // what was heard before that counts for nothing
	Liars   int           // registered workers that flood
	// Strangers flood, too, and are connected as workers are, but nobody knows them.
	Strangers int
	Flood     int // messages a second of each, for as long as is measured
	Dead      int // workers that die at the end
	Seed      uint64
}

// Small is a region that a test bears, at many times the rate at which nodes speak.
func Small() Scenario {
	return Scenario{
		Routers: 8, Links: 3, Workers: 24, Homes: 2, Every: 500 * time.Millisecond, Delay: 5 * time.Millisecond, Measure: 2 * time.Second,
		Stale: 5 * time.Second, Liars: 1, Strangers: 1, Flood: 200, Dead: 6, Seed: 1,
	}
}

// Hundred is the scenario of the figure mesh.gossip.p99_ms.
func Hundred() Scenario {
	return Scenario{
		Routers: 10, Links: 4, Workers: 100, Homes: 3, Every: 5 * time.Second, Delay: 20 * time.Millisecond, Measure: 20 * time.Second,
		Stale: 20 * time.Second, Liars: 1, Strangers: 1, Flood: 200, Dead: 10, Seed: 1,
	}
}

// Slower is how many times as seldom as in reality the nodes of Thousand speak: one machine does the work of fifty routers.
const Slower = 5

// Thousand is a region of fifty routers, in slow motion.
func Thousand() Scenario {
	const every = Slower * mesh.Interval
	return Scenario{
		Routers: 50, Links: 8, Workers: 1000, Homes: 3, Every: every, Delay: 20 * time.Millisecond, Measure: 2 * every,
		Stale: 4 * every, Liars: 1, Strangers: 1, Flood: 200 / Slower, Seed: 1,
	}
}
