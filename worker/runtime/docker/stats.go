package docker

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// Samples come often at first, for most jobs are short, and then once in
// lastSampleStep: each costs the Engine some milliseconds.
const (
	firstSampleStep = 25 * time.Millisecond
	lastSampleStep  = time.Second
)

// usage is what a run took, as far as it was seen: the Engine tells nothing of
// a container that has ended.
type usage struct {
	mu   sync.Mutex
	cpu  time.Duration
	peak int64
	pids bool // the limit on processes was reached
}

// watch samples a container until the context ends.
func (u *usage) watch(ctx context.Context, api *client.Client, name string) {
	for step := firstSampleStep; ; step = min(2*step, lastSampleStep) {
		timer := time.NewTimer(step)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		u.sample(ctx, api, name)
	}
}

func (u *usage) sample(ctx context.Context, api *client.Client, name string) {
	reply, err := api.ContainerStats(ctx, name, client.ContainerStatsOptions{})
	if err != nil {
		return // it ended, or the Engine did: both are seen elsewhere
	}
	defer reply.Body.Close()
	var s container.StatsResponse
	if json.NewDecoder(reply.Body).Decode(&s) == nil {
		u.add(s)
	}
}

func (u *usage) add(s container.StatsResponse) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.cpu = max(u.cpu, time.Duration(s.CPUStats.CPUUsage.TotalUsage))
	// Only cgroup v1 remembers the greatest use.
	u.peak = max(u.peak, int64(s.MemoryStats.Usage), int64(s.MemoryStats.MaxUsage))
	if s.PidsStats.Limit > 0 && s.PidsStats.Current >= s.PidsStats.Limit {
		u.pids = true
	}
}

func (u *usage) read() (cpu time.Duration, peak int64, pids bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.cpu, u.peak, u.pids
}
