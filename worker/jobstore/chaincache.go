package jobstore

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/edgematrix/emc/pkg/transfer"
)

// Bounds on what strangers can make this worker ask its chain node.
const (
	lookupsPerSecond = 50
	lookupBurst      = 100
	cacheEntries     = 4096
	cacheKnown       = 10 * time.Second
	cacheUnknown     = 2 * time.Second
)

// chainCache remembers answers of the chain for a short time, and bounds how often it is asked, so that a flood of made-up
// ids reaches neither the chain nor this machine's memory.
type chainCache struct {
	lookup Lookup
	now    func() time.Time
	limit  *rate.Limiter

	mu   sync.Mutex
	seen map[string]cached
}

type cached struct {
	job   ChainJob
	known bool
	until time.Time
}

func newChainCache(lookup Lookup, now func() time.Time) *chainCache {
	return &chainCache{lookup: lookup, now: now, limit: rate.NewLimiter(lookupsPerSecond, lookupBurst), seen: make(map[string]cached)}
}

func (c *chainCache) get(ctx context.Context, id string) (ChainJob, error) {
	now := c.now()
	c.mu.Lock()
	hit, ok := c.seen[id]
	c.mu.Unlock()
	if !ok || now.After(hit.until) {
		if !c.limit.AllowN(now, 1) {
			return ChainJob{}, transfer.Busy(time.Second, "the worker is asked for too many unknown jobs")
		}
		found, err := c.lookup(ctx, id)
		if err != nil && !errors.Is(err, ErrUnknownJob) {
			return ChainJob{}, err
		}
		hit = cached{job: found, known: err == nil, until: now.Add(cacheUnknown)}
		if hit.known {
			hit.until = now.Add(cacheKnown)
		}
		c.mu.Lock()
		if len(c.seen) >= cacheEntries {
			clear(c.seen)
		}
		c.seen[id] = hit
		c.mu.Unlock()
	}
	if !hit.known {
		return ChainJob{}, transfer.Errorf(transfer.CodeUnknown, "the chain has given no such job to this worker")
	}
	return hit.job, nil
}
