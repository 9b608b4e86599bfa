package simulate

import (
	"fmt"
	"slices"
	"time"
)

// Result is what was measured.
type Result struct {
	Scenario
	Alone, Flooded Phase
	// Sent is what each liar sent, Verified how many of its messages a router of its own looked at, Heard how many one in the
	// whole region believed: the most of any.
	Sent, Verified, Heard int
	// Strange is how many messages of a stranger some router looked at. None is believed: a router's table has registered nodes alone.
	Strange int
	Took    time.Duration // from the flood's begin to its end
	// Gone is how long after their death the last of the dead was in some router's table.
	Gone time.Duration
	// Choice compares the choice of nodes by routers' tables with that of one who knows all, and with chance.
	Choice Choice
	// Lag is how much later than told this machine woke up, at worst of a hundred: what of the times is the machine's.
	Lag time.Duration
}

// Phase is a time of honest traffic.
type Phase struct {
	Published     int
	Lost          int           // some router got neither it nor a newer one of its worker
	P50, P99, Max time.Duration // until all routers had it
	In, Out       float64       // bytes of a router in a second
	Copies        float64       // that a router got of a message
	Bytes         float64       // that a router got for each message published, with all copies and control messages
	Dropped       int64         // messages that some queue had no room for
	Allocs        float64       // of the whole process, for each message published and router
}

// Choice are the calls that already ran on the chosen node, for each place it has, on average.
type Choice struct{ Gossip, Perfect, Random float64 }

// Cost is the share of what choosing wins that gossip's age loses.
func (c Choice) Cost() float64 { return (c.Gossip - c.Perfect) / (c.Random - c.Perfect) }

// String is a line.
func (p Phase) String() string {
	return fmt.Sprintf("%d statuses, %d lost, all routers after p50 %s, p99 %s, max %s; a router: in %.0f B/s, out %.0f B/s, %.1f copies, %d dropped",
		p.Published, p.Lost, p.P50.Round(time.Millisecond), p.P99.Round(time.Millisecond), p.Max.Round(time.Millisecond), p.In, p.Out, p.Copies, p.Dropped)
}

// at is one of sorted spans.
func at(sorted []time.Duration, share float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(int(share*float64(len(sorted))), len(sorted)-1)]
}

// spread fills in how long it took until all routers had what was said.
func (p *Phase) spread(said []hearing, routers []*router, workers int) {
	// When each router first had a worker's sequence or a newer one.
	had := make([][][]hearing, len(routers)) // router → worker → hearings, in the order in which they came
	for i, r := range routers {
		had[i] = make([][]hearing, workers)
		r.mu.Lock()
		for _, h := range r.heard {
			had[i][h.worker] = append(had[i][h.worker], h)
		}
		r.mu.Unlock()
	}
	var spans []time.Duration
	for _, s := range said {
		var last time.Duration
		lost := false
		for i := range routers {
			hs := had[i][s.worker]
			// Sequences rise: a router refuses older ones.
			k, _ := slices.BinarySearchFunc(hs, s.sequence, func(h hearing, want uint64) int {
				if h.sequence < want {
					return -1
				}
				return 1
			})
			if k == len(hs) {
				lost = true
				break
			}
			last = max(last, hs[k].at.Sub(s.at))
		}
		if lost {
			p.Lost++
			continue
		}
		spans = append(spans, last)
	}
	slices.Sort(spans)
	p.Published = len(said)
	p.P50, p.P99, p.Max = at(spans, 0.5), at(spans, 0.99), at(spans, 1)
}
