package gateway

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/time/rate"

	"github.com/edgematrix/emc/router/apikey"
)

// guarded is how many addresses are remembered.
const guarded = 10_000

// guard bounds the wrong keys that an address shows. A right one passes always: nobody can lock out who shares his address,
// and secrets of 256 bits are not guessed.
type guard struct {
	burst int
	every time.Duration

	mu    sync.Mutex
	known *simplelru.LRU[string, *rate.Limiter]
}

func newGuard(burst int, every time.Duration) (*guard, error) {
	known, err := simplelru.NewLRU[string, *rate.Limiter](guarded, nil)
	return &guard{burst: burst, every: every, known: known}, err
}

// failed counts a wrong key, and says whether the address showed too many.
func (g *guard) failed(address string, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	l, found := g.known.Get(address)
	if !found {
		l = rate.NewLimiter(rate.Every(g.every), g.burst)
		g.known.Add(address, l)
	}
	return !l.AllowN(now, 1)
}

func source(r *http.Request) string { return sourceOf(r.RemoteAddr) }

// sourceOf is whom an address belongs to: an IPv6 customer has at least a /64 of them.
func sourceOf(address string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return host
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is4() {
		return ip.String()
	}
	return netip.PrefixFrom(ip, 64).Masked().String()
}

// authenticate returns the key of a request.
func (g *Gateway) authenticate(v *visit, r *http.Request) (apikey.Key, error) {
	scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || secret == "" {
		f := unauthorized(apikey.ErrUnknown)
		f.code, f.reason = "", "key_missing"
		f.message = "You didn't provide an API key. Provide it in an Authorization header: Authorization: Bearer YOUR_KEY."
		return apikey.Key{}, g.wrongKey(r, f)
	}
	k, err := g.keys.Authenticate(strings.TrimSpace(secret))
	v.key = k.ID // also of one that was revoked
	if err == nil || errors.Is(err, apikey.ErrClosed) {
		return k, err
	}
	return k, g.wrongKey(r, unauthorized(err))
}

func (g *Gateway) wrongKey(r *http.Request, f *failure) error {
	if g.guard.failed(source(r), g.now()) {
		return tooMany("Too many requests with a wrong API key came from your address.", "wrong_keys", g.FailedKeysEvery)
	}
	return f
}
