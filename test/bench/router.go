package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"github.com/edgematrix/emc/router/benchmark"
	"github.com/edgematrix/emc/router/selection"
	"github.com/edgematrix/emc/router/selection/simulate"
)

// routerNodes is how many nodes of one app a router chooses among.
const routerNodes = 100_000

// routerFigures measure the choice of the node that answers a call, and what the way through router and node costs.
func routerFigures(bin string) ([]Figure, error) {
	micros, err := selectionTime()
	if err != nil {
		return nil, fmt.Errorf("selection: %w", err)
	}
	ratio, err := p99VsRandom(simulate.Published)
	if err != nil {
		return nil, fmt.Errorf("simulation: %w", err)
	}
	calm, err := p99VsRandom(simulate.Calm)
	if err != nil {
		return nil, fmt.Errorf("simulation: %w", err)
	}
	overhead, err := overheadFigures(bin)
	if err != nil {
		return nil, fmt.Errorf("calls: %w", err)
	}
	return append([]Figure{
		{"router.select.1e5_nodes_us", micros, "us of processor time", "<= 50"},
		{"router.p99_vs_random", ratio, "ratio, simulated, at 70 % load: random choice overloads the slowest nodes", "<= 0.6"},
		{"router.p99_vs_random.calm", calm, "ratio, simulated, at 20 % load: random choice holds", "<= 0.6"},
	}, overhead...), nil
}

// selectionTime is what one choice and its end cost on one core. Prices differ, so that some of the nodes drawn are too
// dear for the call.
func selectionTime() (micros float64, err error) {
	table, err := selection.New(selection.Config{Now: time.Now, Stale: time.Hour})
	if err != nil {
		return 0, err
	}
	for i := range routerNodes {
		n := selection.Node{
			Region: []string{"DE-BE", "US-CA", "FR"}[i%3], Isolation: 2, Accepting: true,
			Loads: []selection.Load{{App: "charlm", UnitPrice: 2, CallPrice: uint64(i), Capacity: 4, Ready: true}},
		}
		binary.BigEndian.PutUint64(n.Key[:], uint64(i)+1)
		if err := table.Announce(n); err != nil {
			return 0, err
		}
	}
	wants := selection.Wants{App: "charlm", MaxPrice: routerNodes / 2, Units: 100, MinIsolation: 1}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const picks = 100_000
	var spans []time.Duration
	for range rounds {
		begin := processorTime()
		for range picks {
			p, err := table.Pick(wants)
			if err != nil {
				return 0, err
			}
			p.Done(selection.Outcome{FirstByte: 10 * time.Millisecond, Total: 20 * time.Millisecond})
		}
		spans = append(spans, processorTime()-begin)
	}
	return best(spans) / picks * 1e6, nil
}

// p99VsRandom is the worst of three seeds.
func p99VsRandom(scenario func(seed uint64) simulate.Scenario) (worst float64, err error) {
	for seed := uint64(1); seed <= 3; seed++ {
		ratio, words, err := simulate.P99VsRandom(scenario(seed))
		if err != nil {
			return 0, err
		}
		fmt.Printf("  seed %d: %s\n", seed, words)
		worst = max(worst, ratio)
	}
	return worst, nil
}

// overheadFigures are what the router's operator measures with `emc-router bench`, on the disk of the folder build.
func overheadFigures(bin string) ([]Figure, error) {
	cmd := exec.Command(filepath.Join(bin, "emc-router"), "bench", "--json", "--dir", "build")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	var r benchmark.Result
	if err := json.Unmarshal(out, &r); err != nil {
		return nil, err
	}
	fmt.Printf("  direct %+v\n  proxied %+v\n  routed %+v\n", r.Direct, r.Proxied, r.Routed)
	return []Figure{
		{"router.overhead.p50_ms", r.OverheadP50, "ms to [DONE], at 64 streams of paced tokens", "<= 0.5"},
		{"router.overhead.p99_ms", r.OverheadP99, "ms to [DONE], at 64 streams of paced tokens", "<= 2"},
		{"router.overhead.of_plain_proxy.p50_ms", r.ProxyP50, "ms to [DONE], of a proxy that copies bytes, in the router's place", "-"},
		{"router.ttft_overhead.of_plain_proxy.p50_ms", r.ProxyFirstByteP50, "ms to the first byte, of the same proxy", "-"},
		{"router.receipt_overhead.p50_ms", r.ReceiptP50, "ms until the receipt is accepted, and the answer ends", "-"},
		{"router.ttft_overhead.p50_ms", r.FirstByteP50, "ms to the first byte", "chosen here: <= 2"},
		{"router.calls_per_second_core", r.CallsPerRouterSecond, "calls a second of the router's processor time", ">= 3000"},
		{"router.calls_per_second_core.all", r.CallsPerSecond, "the same, of program, router and node together", "-"},
	}, nil
}
