package router

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// gauge looks at a process now and then.
type gauge struct {
	mu      sync.Mutex
	samples []sample
	stop    context.CancelFunc
	done    chan struct{}
}

type sample struct {
	rss float64 // MiB
	fds int
	cpu time.Duration // of processors, since the process began
	at  time.Time
}

const gaugeEvery = 200 * time.Millisecond

// watch begins to look.
func watch(ctx context.Context, pid int) *gauge {
	ctx, stop := context.WithCancel(ctx)
	g := &gauge{stop: stop, done: make(chan struct{})}
	go func() {
		defer close(g.done)
		tick := time.NewTicker(gaugeEvery)
		defer tick.Stop()
		for {
			if s, err := look(pid); err == nil {
				g.mu.Lock()
				g.samples = append(g.samples, s)
				g.mu.Unlock()
			}
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	}()
	return g
}

// end stops it, and returns what was seen.
func (g *gauge) end() []sample {
	g.stop()
	<-g.done
	return g.samples
}

func look(pid int) (s sample, err error) {
	s.at = time.Now()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return s, err
	}
	for line := range strings.Lines(string(status)) {
		var kib float64
		if n, _ := fmt.Sscanf(line, "VmRSS: %f kB", &kib); n == 1 {
			s.rss = kib / 1024
		}
	}
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		return s, err
	}
	s.fds = len(fds)
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return s, err
	}
	_, rest, _ := strings.Cut(string(stat), ") ") // the name may have spaces
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return s, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(fields))
	}
	for _, ticks := range fields[11:13] { // utime and stime; see proc(5)
		n, err := strconv.Atoi(ticks)
		if err != nil {
			return s, err
		}
		s.cpu += time.Duration(n) * time.Second / ticksPerSecond
	}
	return s, nil
}

// ticksPerSecond is what Linux shows to programs on every machine that Go runs on.
const ticksPerSecond = 100

// cores is how many processors were used between the first sample and the last.
func cores(samples []sample) float64 {
	if len(samples) < 2 {
		return 0
	}
	first, last := samples[0], samples[len(samples)-1]
	return float64(last.cpu-first.cpu) / float64(last.at.Sub(first.at))
}

// rssOf is the median of some samples.
func rssOf(samples []sample) float64 {
	var all []float64
	for _, s := range samples {
		all = append(all, s.rss)
	}
	return quantile(all, .5)
}

func most(samples []sample) (m sample) {
	for _, s := range samples {
		m.rss, m.fds = max(m.rss, s.rss), max(m.fds, s.fds)
	}
	return m
}

// quantile is of values in any order.
func quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}
