package localnet

import (
	"container/list"
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Rates are the faucet's limits, each in requests a minute. The same number of
// requests, up to its burst, may come at once.
type Rates struct {
	Address int `yaml:"address"`
	IP      int `yaml:"ip"`
	Global  int `yaml:"global"`
}

func (r Rates) withDefaults() Rates {
	if r.Address <= 0 {
		r.Address = 6
	}
	if r.IP <= 0 {
		r.IP = 60
	}
	if r.Global <= 0 {
		r.Global = 600
	}
	return r
}

// limits holds the limiters of one faucet.
type limits struct {
	mu          sync.Mutex
	global      *rate.Limiter
	byIP        *keyed
	byAddress   *keyed
	description map[string]int
}

func newLimits(r Rates) *limits {
	r = r.withDefaults()
	return &limits{
		global:      rate.NewLimiter(perMinute(r.Global), max(1, r.Global/6)),
		byIP:        newKeyed(r.IP, max(1, r.IP/2)),
		byAddress:   newKeyed(r.Address, max(1, r.Address/2)),
		description: map[string]int{"address": r.Address, "ip": r.IP, "global": r.Global},
	}
}

func perMinute(n int) rate.Limit { return rate.Limit(float64(n) / 60) }

// take asks all three limiters at once. When one refuses, the others get back
// what they gave, and wait says when to come again.
func (l *limits) take(now time.Time, ip, address string) (wait time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var taken []*rate.Reservation
	for _, limiter := range []*rate.Limiter{l.byIP.get(ip), l.byAddress.get(address), l.global} {
		reservation := limiter.ReserveN(now, 1)
		taken = append(taken, reservation)
		wait = max(wait, reservation.DelayFrom(now))
	}
	if wait == 0 {
		return 0, true
	}
	for i := len(taken) - 1; i >= 0; i-- {
		taken[i].CancelAt(now)
	}
	return wait, false
}

// retryAfter rounds a wait up to whole seconds, as the HTTP header wants it.
func retryAfter(wait time.Duration) int { return max(1, int(math.Ceil(wait.Seconds()))) }

// keyed holds a limiter for each key, and forgets the least recently used ones:
// a flood of made-up addresses must not fill the memory.
type keyed struct {
	limit rate.Limit
	burst int
	order *list.List
	byKey map[string]*list.Element
}

type keyedEntry struct {
	key     string
	limiter *rate.Limiter
}

const maxKeys = 10_000

func newKeyed(minute, burst int) *keyed {
	return &keyed{limit: perMinute(minute), burst: burst, order: list.New(), byKey: map[string]*list.Element{}}
}

func (k *keyed) get(key string) *rate.Limiter {
	if element, ok := k.byKey[key]; ok {
		k.order.MoveToFront(element)
		return element.Value.(*keyedEntry).limiter
	}
	if k.order.Len() >= maxKeys {
		oldest := k.order.Back()
		delete(k.byKey, oldest.Value.(*keyedEntry).key)
		k.order.Remove(oldest)
	}
	entry := &keyedEntry{key: key, limiter: rate.NewLimiter(k.limit, k.burst)}
	k.byKey[key] = k.order.PushFront(entry)
	return entry.limiter
}
