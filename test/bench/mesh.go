package main

import (
	"context"
	"fmt"
	"time"

	"github.com/edgematrix/emc/pkg/mesh"
	"github.com/edgematrix/emc/router/simulate"
)

// meshFigures measure gossip in regions that are simulated in this process: the libp2p and the gossip are real, the links
// are in memory, with 20 ms each way.
func meshFigures() ([]Figure, error) {
	play := func(s simulate.Scenario) (simulate.Result, error) {
		r, err := simulate.Run(context.Background(), s, func(line string) { fmt.Println("  " + line) })
		if err != nil {
			return r, fmt.Errorf("%d workers: %w", s.Workers, err)
		}
		fmt.Printf("  a liar sent %d, %d verified, %d heard, %d of a stranger's verified; the dead gone after %s; choice %+v; this machine wakes up %s late at p99\n",
			r.Sent, r.Verified, r.Heard, r.Strange, r.Gone.Round(time.Millisecond), r.Choice, r.Lag.Round(time.Millisecond))
		return r, nil
	}
	hundred, err := play(simulate.Hundred())
	if err != nil {
		return nil, err
	}
	thousand, err := play(simulate.Thousand())
	if err != nil {
		return nil, err
	}
	crowd, err := simulate.Hear(context.Background(), 10_000)
	if err != nil {
		return nil, err
	}
	// All that a router's gossip brings in and takes out for a status, with copies and control messages, times the statuses
	// of 10,000 nodes that say something every mesh.Interval.
	rate := 10_000 / mesh.Interval.Seconds()
	out := thousand.Alone.Out / thousand.Alone.In * thousand.Alone.Bytes
	return []Figure{
		{"mesh.gossip.p50_ms", ms(hundred.Alone.P50), "ms until all of 10 routers have a status, 100 nodes, links of 20 ms", "-"},
		{"mesh.gossip.p99_ms", ms(hundred.Alone.P99), "ms until all of 10 routers have a status, 100 nodes, links of 20 ms", "<= 2000"},
		{"mesh.gossip.flooded.p99_ms", ms(hundred.Flooded.P99), "ms, the same beside a node that floods", "<= 2000"},
		{"mesh.gossip.1000_nodes.p99_ms", ms(thousand.Alone.P99), "ms until all of 50 routers have a status, 1,000 nodes that speak every 25 s, all on this machine", "-"},
		{"mesh.gossip.1000_nodes.lost", float64(thousand.Alone.Lost), "statuses that some router of 50 never had, nor a newer one", "<= 0"},
		{"mesh.dead_gone_seconds", hundred.Gone.Seconds(), "s until no router of 10 offers any of 10 nodes that died", "<= 25"},
		{"mesh.choice.staleness_cost", thousand.Choice.Cost(), "share of what knowing all wins over chance, lost by gossip's age", "<= 0.5"},
		{"mesh.bandwidth_per_router_at_10k_nodes", rate * (thousand.Alone.Bytes + out) / 1e6, "MB/s in and out, before encryption: bytes a status measured at 1,000 nodes times 2,000 statuses a second", "-"},
		{"mesh.memory_per_router_at_10k_nodes", crowd.Bytes * 10_000 / 1e6, "MB of heap, measured with 10,000 nodes heard", "-"},
		{"mesh.cpu_per_status_us", crowd.Processor.Seconds() * 1e6, "us of processor time to sign, send, verify and keep a status", "-"},
	}, nil
}

func ms(d time.Duration) float64 { return d.Seconds() * 1e3 }
