package gateway

import (
	"errors"
	"fmt"
	"time"

	"github.com/edgematrix/emc/pkg/session/call"
)

// MaxBody is the most that a request's body may have: with path and headers it is the body of a call.
const MaxBody = call.MaxBody - 64<<10

// MinMemory holds one request.
const MinMemory = bodyFactor * MaxBody

// MaxHeader bounds a request's headers.
const MaxHeader = 32 << 10

// ErrConfig means a configuration that cannot work.
var ErrConfig = errors.New("invalid configuration of the gateway")

// Config is of a gateway.
type Config struct {
	// Origins are the web pages that may call, such as https://chat.example; "*" is all of them, none switches CORS off.
	Origins []string

	Units    Units  // of calls that do not say how many they allow
	MaxPrice uint64 // uemc, of calls that do not say what they allow

	MaxCalls           int // that run at the same time
	MaxCallsPerKey     int // where the key itself says nothing
	MaxCallsPerSession int // of all its keys: it makes as many of those as it likes
	MaxConns           int // connections
	MaxConnsPerAddress int // of one address, IPv6 of a /64

	MaxMemory           int64 // bytes of bodies and answers that are held at the same time
	MaxMemoryPerSession int64 // of one session: a body that comes slowly holds its memory, and costs its sender nothing
	MaxAnswer           int64 // bytes of an answer that is read to its end before it is passed on; a longer one is passed on as it comes

	HeaderTime time.Duration // for a request's headers
	BodyTime   time.Duration // for its body
	WriteTime  time.Duration // for each piece of an answer: a reader who is slower is cut
	IdleTime   time.Duration // between a connection's requests
	CallTime   time.Duration // for a whole call
	DrainTime  time.Duration // for what runs when the gateway stops

	FailedKeys      int           // wrong keys that an address may show at once
	FailedKeysEvery time.Duration // and then one in so long

	CacheEntries int
	CacheBytes   int64 // 0: no cache
	CacheTime    time.Duration
}

// Units are the most units of a call of each sort. Text is of an answer; a call of text also has as many as its body has
// bytes, but Prompt at most, because apps count what they were asked, too.
type Units struct{ Text, Prompt, Embeddings, Images, Audio, Other uint64 }

// DefaultConfig is of a router with 4 GiB to spare.
func DefaultConfig() Config {
	return Config{
		Origins:  []string{"*"},
		Units:    Units{Text: 4096, Prompt: 131_072, Embeddings: 8192, Images: 1, Audio: 4096, Other: 4096},
		MaxPrice: 100_000_000,
		MaxCalls: 1024, MaxCallsPerKey: 64, MaxCallsPerSession: 512, MaxConns: 4096, MaxConnsPerAddress: 1024,
		MaxMemory: 2 << 30, MaxMemoryPerSession: 512 << 20, MaxAnswer: 64 << 20,
		HeaderTime: 10 * time.Second, BodyTime: time.Minute, WriteTime: 30 * time.Second, IdleTime: 2 * time.Minute,
		CallTime: 10 * time.Minute, DrainTime: 30 * time.Second,
		FailedKeys: 20, FailedKeysEvery: 3 * time.Second,
		CacheEntries: 10_000, CacheBytes: 256 << 20, CacheTime: 10 * time.Minute,
	}
}

// Alone is the configuration of a gateway with one session: nobody else is there to get a share.
func (c Config) Alone() Config {
	c.MaxCallsPerSession, c.MaxMemoryPerSession, c.MaxConnsPerAddress = c.MaxCalls, c.MaxMemory, c.MaxConns
	return c
}

// Shared gives a session half of the calls and a quarter of the memory, and no less than one request needs.
func (c Config) Shared() Config {
	c.MaxCallsPerSession = max(c.MaxCalls/2, 1)
	c.MaxMemoryPerSession = max(c.MaxMemory/4, MinMemory)
	return c
}

// Validate names the first value that makes no sense.
func (c Config) Validate() error {
	for _, v := range []struct {
		name string
		good bool
	}{
		{"Units", c.Units.Text > 0 && c.Units.Embeddings > 0 && c.Units.Images > 0 && c.Units.Audio > 0 && c.Units.Other > 0},
		{"MaxPrice", c.MaxPrice > 0},
		{"MaxCalls", c.MaxCalls > 0},
		{"MaxCallsPerKey", c.MaxCallsPerKey > 0},
		{"MaxCallsPerSession", c.MaxCallsPerSession > 0},
		{"MaxConns", c.MaxConns > 0},
		{"MaxConnsPerAddress", c.MaxConnsPerAddress > 0},
		{"MaxMemory, which holds one request at least", c.MaxMemory >= MinMemory},
		{"MaxMemoryPerSession, which holds one request at least", c.MaxMemoryPerSession >= MinMemory},
		{"MaxAnswer", c.MaxAnswer > 0},
		{"HeaderTime", c.HeaderTime > 0},
		{"BodyTime", c.BodyTime > 0},
		{"WriteTime", c.WriteTime > 0},
		{"IdleTime", c.IdleTime > 0},
		{"CallTime", c.CallTime > 0},
		{"DrainTime", c.DrainTime > 0},
		{"FailedKeys", c.FailedKeys > 0 && c.FailedKeysEvery > 0},
		{"CacheBytes", c.CacheBytes == 0 || c.CacheBytes > 0 && c.CacheEntries > 0 && c.CacheTime > 0},
	} {
		if !v.good {
			return fmt.Errorf("%w: %s", ErrConfig, v.name)
		}
	}
	return nil
}
