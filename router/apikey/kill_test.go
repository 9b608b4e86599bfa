package apikey_test

import (
	"bytes"
	"errors"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/session/ledger"
	"github.com/edgematrix/emc/router/apikey"
)

// Random lives of a key with kills between and in the middle of writes. What was charged in all lives never exceeds the
// limit, and a kill makes no more of it unavailable than is promised.
func TestKills(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 7))
		m, c := ledger.NewMemory(), newClock()
		s := open(t, m, c)
		limit := 1 + rng.Uint64N(5000)
		k, secret := create(t, s, apikey.Key{Limit: limit})
		most := 1 + rng.Uint64N(limit/3+1)
		charged := uint64(0)
		var running []uint64
		for range 200 {
			switch n := rng.IntN(100); {
			case n < 5:
				if n == 0 {
					m.CrashIn(1+rng.IntN(3), rng.IntN(2) == 0)
					continue
				}
				before := add(running)
				m.Crash()
				m.Restart()
				s = open(t, m, c)
				// What ran may all be charged by receipts that come after the kill: it is, half of the time.
				if rng.IntN(2) == 0 {
					charged += before
				}
				running = nil
				got, err := s.Authenticate(secret)
				require.NoError(t, err)
				require.GreaterOrEqual(t, got.Spent, charged, "seed %d", seed)
				step := max(most, limit/100)
				require.LessOrEqual(t, got.Spent, charged+before+2*step, "seed %d: a kill costs too much", seed)
				charged = got.Spent // what is unavailable is gone: the bound is each kill's
			case n < 55:
				amount := 1 + rng.Uint64N(most)
				err := s.Reserve(k.ID, amount)
				switch {
				case err == nil:
					running = append(running, amount)
				case errors.Is(err, apikey.ErrBroken):
					m.Restart()
					s = open(t, m, c)
					running = nil
					got, err := s.Get(k.ID)
					require.NoError(t, err)
					require.GreaterOrEqual(t, got.Spent, charged, "seed %d", seed)
					charged = got.Spent
				default:
					require.ErrorIs(t, err, apikey.ErrLimit)
				}
			case len(running) > 0:
				i := rng.IntN(len(running))
				cost := rng.Uint64N(running[i] + 1)
				charged += cost // the money is gone whether or not it is written
				err := s.Settle(k.ID, running[i], cost)
				running = append(running[:i], running[i+1:]...)
				if err != nil {
					require.ErrorIs(t, err, apikey.ErrBroken)
					m.Restart()
					s = open(t, m, c)
					running = nil
					got, err := s.Get(k.ID)
					require.NoError(t, err)
					require.GreaterOrEqual(t, got.Spent, charged, "seed %d", seed)
					charged = got.Spent
				}
			}
			require.LessOrEqual(t, charged+add(running), limit, "seed %d: the limit was exceeded", seed)
		}
	}
}

func add(list []uint64) (sum uint64) {
	for _, n := range list {
		sum += n
	}
	return sum
}

// Many calls at once, and copies of the file taken in the middle of them, each as a kill would leave it.
func TestKillsOfFile(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	path := filepath.Join(dir, "keys.db")
	s := openFile(t, path, c)
	defer s.Close()
	const limit, amount = 10_000, 30
	k, _ := create(t, s, apikey.Key{Limit: limit})
	var charged, reserved, peak atomic.Int64
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(i), 1))
			for {
				if err := s.Reserve(k.ID, amount); err != nil {
					if !errors.Is(err, apikey.ErrLimit) {
						t.Error(err)
					}
					return
				}
				if n := reserved.Add(amount); n > peak.Load() {
					peak.Store(n)
				}
				cost := rng.Int64N(amount + 1)
				charged.Add(cost)
				if err := s.Settle(k.ID, amount, uint64(cost)); err != nil {
					t.Error(err)
				}
				reserved.Add(-amount)
			}
		})
	}
	for i := 0; i < 10; i++ {
		atLeast := charged.Load() - 8*amount // of calls whose charge is counted here and not yet settled
		copied := filepath.Join(t.TempDir(), "keys.db")
		for name, b := range snapshot(t, path) {
			require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(copied), name), b, 0o600))
		}
		again := openFile(t, copied, c)
		got, err := again.Get(k.ID)
		require.NoError(t, err)
		require.GreaterOrEqual(t, int64(got.Spent), atLeast)
		require.LessOrEqual(t, got.Spent, uint64(limit))
		require.NoError(t, again.Close())
	}
	wg.Wait()
	got, err := s.Get(k.ID)
	require.NoError(t, err)
	require.Equal(t, uint64(charged.Load()), got.Spent)
	require.LessOrEqual(t, got.Spent, uint64(limit))
	require.Greater(t, got.Spent, uint64(limit-8*amount))
	require.Zero(t, got.Reserved)
}

// snapshot copies a ledger in use until two readings are the same: a page that is just written is no kill's state.
func snapshot(t *testing.T, path string) map[string][]byte {
	t.Helper()
	read := func() map[string][]byte {
		names, err := filepath.Glob(path + "*")
		require.NoError(t, err)
		out := map[string][]byte{}
		for _, name := range names {
			if b, err := os.ReadFile(name); err == nil { // a journal may be gone meanwhile
				out[filepath.Base(name)] = b
			}
		}
		return out
	}
	for {
		a, b := read(), read()
		if maps.EqualFunc(a, b, bytes.Equal) {
			return a
		}
	}
}

// Most calls write nothing.
func TestFewWrites(t *testing.T) {
	m := ledger.NewMemory()
	s := open(t, m, newClock())
	k, _ := create(t, s, apikey.Key{Limit: 100_000_000})
	before := m.Batches()
	for range 10_000 {
		require.NoError(t, s.Reserve(k.ID, 4000))
		require.NoError(t, s.Settle(k.ID, 4000, 500))
	}
	require.LessOrEqual(t, m.Batches()-before, 6, "5,000,000 uemc in steps of 1,000,000")
	require.NoError(t, s.Close())
	s = open(t, m, newClock())
	got, err := s.Get(k.ID)
	require.NoError(t, err)
	require.Equal(t, uint64(5_000_000), got.Spent)
}
