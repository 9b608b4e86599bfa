package gateway

import (
	"crypto/sha256"
	"encoding/binary"
	"net/http"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// cacheShare is the largest part of the cache that one answer may take.
const cacheShare = 16

// entryBytes is about what an entry takes besides its body.
const entryBytes = 1 << 10

type cacheKey [sha256.Size]byte

// cached is an answer with status 200 that is whole. Nobody changes it.
type cached struct {
	node   string
	header http.Header
	body   []byte
	until  time.Time
}

// cache has answers of apps that answer the same to the same.
type cache struct {
	most int64
	time time.Duration

	mu    sync.Mutex
	bytes int64
	known *simplelru.LRU[cacheKey, cached]
}

func newCache(entries int, bytes int64, keep time.Duration) (*cache, error) {
	c := &cache{most: bytes, time: keep}
	var err error
	c.known, err = simplelru.NewLRU[cacheKey, cached](max(entries, 1), func(_ cacheKey, a cached) { c.bytes -= size(a) })
	return c, err
}

func size(a cached) int64 { return int64(len(a.body)) + entryBytes }

// keyOf is over all that an answer depends on. Lengths keep the parts apart: nobody can move a byte from one into the next.
func keyOf(m Model, session, method, target string, header http.Header, body []byte) cacheKey {
	owner := "session " + session
	if m.SharedCache {
		owner = "shared"
	}
	h := sha256.New()
	for _, part := range []string{owner, m.ID, method, target, header.Get("Content-Type"), header.Get("Content-Encoding"), header.Get("Accept")} {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		h.Write([]byte(part))
	}
	h.Write(body)
	return cacheKey(h.Sum(nil))
}

func (c *cache) get(k cacheKey, now time.Time) (cached, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a, found := c.known.Get(k)
	if found && !now.Before(a.until) {
		c.known.Remove(k)
		return cached{}, false
	}
	return a, found
}

// fits says whether a body of so many bytes is kept.
func (c *cache) fits(n int) bool { return int64(n)+entryBytes <= c.most/cacheShare }

func (c *cache) put(k cacheKey, a cached, now time.Time) {
	if !c.fits(len(a.body)) {
		return
	}
	a.until = now.Add(c.time)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known.Remove(k)
	c.bytes += size(a)
	c.known.Add(k, a)
	for c.bytes > c.most {
		c.known.RemoveOldest()
	}
}
