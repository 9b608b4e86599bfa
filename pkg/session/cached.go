package session

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/edgematrix/emc/pkg/receipt"
)

// Cached keeps a chain's answers for a while, and precomputes the keys in them. The longer it keeps them, the later a party
// sees that a key was replaced, a session closes, or a cover is lowered: seconds, where the margin and the chain's closing
// period are minutes.
type Cached struct {
	Chain
	now  func() time.Time
	keep time.Duration
	most int

	mu       sync.Mutex
	sessions map[receipt.SessionID]kept[Info]
	covers   map[[2]receipt.Address]kept[uint64]
}

type kept[T any] struct {
	value T
	until time.Time
}

// NewCached keeps at most so many answers of each kind: every session holds receipt.TableBytes for each of its keys.
func NewCached(chain Chain, now func() time.Time, keep time.Duration, most int) *Cached {
	return &Cached{
		Chain: chain, now: now, keep: keep, most: most,
		sessions: make(map[receipt.SessionID]kept[Info]), covers: make(map[[2]receipt.Address]kept[uint64]),
	}
}

// Session implements Chain.
func (c *Cached) Session(ctx context.Context, id receipt.SessionID) (Info, error) {
	c.mu.Lock()
	was, ok := c.sessions[id]
	c.mu.Unlock()
	if ok && c.now().Before(was.until) {
		return was.value, nil
	}
	info, err := c.Chain.Session(ctx, id)
	if err != nil {
		return info, err
	}
	info.Key = reuse(was.value.Key, info.Key)
	info.Routers = slices.Clone(info.Routers)
	for i, r := range info.Routers {
		old, _ := was.value.Router(r.Key.Address())
		info.Routers[i].Key = reuse(old.Key, r.Key)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	room(c.sessions, c.most)
	c.sessions[id] = kept[Info]{info, c.now().Add(c.keep)}
	return info, nil
}

// Cover implements Chain.
func (c *Cached) Cover(ctx context.Context, router, node receipt.Address) (uint64, error) {
	key := [2]receipt.Address{router, node}
	c.mu.Lock()
	was, ok := c.covers[key]
	c.mu.Unlock()
	if ok && c.now().Before(was.until) {
		return was.value, nil
	}
	cover, err := c.Chain.Cover(ctx, router, node)
	if err != nil {
		return 0, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	room(c.covers, c.most)
	c.covers[key] = kept[uint64]{cover, c.now().Add(c.keep)}
	return cover, nil
}

// reuse keeps the table of a key that is still the same.
func reuse(old, fresh receipt.PublicKey) receipt.PublicKey {
	if old.Bytes() != nil && string(old.Bytes()) == string(fresh.Bytes()) {
		return old
	}
	return fresh.Precompute()
}

// room drops any answer when there are too many: it is asked for again.
func room[K comparable, V any](m map[K]V, most int) {
	for k := range m {
		if len(m) < most {
			return
		}
		delete(m, k)
	}
}
