package custody_test

import (
	"bytes"
	"context"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/cosmos/cosmos-sdk/crypto/keys/secp256k1"
	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
	"github.com/edgematrix/emc/pkg/session/ledger"
	"github.com/edgematrix/emc/pkg/session/model"
	"github.com/edgematrix/emc/router/custody"
)

const (
	chainID   = "emc-local-1"
	deposit   = 1_000
	allotment = 600
)

// clock is the test's.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// view is the model chain with what it cannot do: allotments that are raised.
type view struct {
	*model.Chain
	more   uint64
	before func() // a question is answered
}

func (v *view) Session(ctx context.Context, id receipt.SessionID) (session.Info, error) {
	if v.before != nil {
		v.before()
	}
	info, err := v.Chain.Session(ctx, id)
	for i := range info.Routers {
		info.Routers[i].Allotment += v.more
	}
	return info, err
}

func key(t *testing.T, b byte) receipt.PublicKey {
	t.Helper()
	return public(t, (&secp256k1.PrivKey{Key: bytes.Repeat([]byte{b}, 32)}).PubKey().Bytes())
}

func public(t *testing.T, b []byte) receipt.PublicKey {
	t.Helper()
	k, err := receipt.ParsePublicKey(b)
	require.NoError(t, err)
	return k
}

// scene is a custody over a chain.
type scene struct {
	*testing.T
	*custody.Custody
	clock  *clock
	chain  *view
	router receipt.PublicKey
	cfg    custody.Config
	opened uint64
}

func newScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{T: t, clock: &clock{now: time.Unix(1_800_000_000, 0)}, router: key(t, 4)}
	s.chain = &view{Chain: model.New(chainID, time.Hour, 10*time.Minute, s.clock.Now)}
	s.cfg = custody.Config{
		ChainID: chainID, Router: s.router.Address(), Chain: s.chain, Store: ledger.NewMemory(), Keys: filepath.Join(t.TempDir(), "keys"), Now: s.clock.Now,
	}
	s.open()
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func (s *scene) open() {
	s.Helper()
	c, err := custody.Open(s.cfg)
	require.NoError(s, err)
	s.Custody = c
}

func (s *scene) reopen() {
	s.Helper()
	require.NoError(s, s.Close())
	s.open()
}

func (s *scene) newKey() (receipt.PublicKey, string) {
	s.Helper()
	k, claim, err := s.NewKey()
	require.NoError(s, err)
	return public(s.T, k), claim
}

func (s *scene) session(k receipt.PublicKey, routers ...session.Router) receipt.SessionID {
	s.opened++
	id := receipt.NewSessionID([]byte("owner"), s.opened)
	s.chain.Open(id, k, deposit, 24*time.Hour, routers...)
	return id
}

func (s *scene) ours() session.Router { return session.Router{Key: s.router, Allotment: allotment} }

// claimed is a session that calls can be made in.
func (s *scene) claimed() (receipt.SessionID, receipt.PublicKey, string) {
	s.Helper()
	k, claim := s.newKey()
	id := s.session(k, s.ours())
	require.NoError(s, s.Claim(s.Context(), k.Bytes(), claim, id))
	return id, k, claim
}

func TestClaims(t *testing.T) {
	for _, c := range []struct {
		name string
		// do makes what is wrong, and may change what is claimed.
		do   func(s *scene, k *receipt.PublicKey, claim *string, id *receipt.SessionID)
		fail error
	}{
		{name: "success"},
		{name: "success - again", do: func(s *scene, k *receipt.PublicKey, claim *string, id *receipt.SessionID) {
			require.NoError(s, s.Claim(s.Context(), k.Bytes(), *claim, *id))
		}},
		{name: "success - after an hour, while nobody needed the place", do: func(s *scene, _ *receipt.PublicKey, _ *string, _ *receipt.SessionID) { s.clock.pass(2 * time.Hour) }},
		{name: "error - another's claim", fail: custody.ErrClaim, do: func(s *scene, _ *receipt.PublicKey, claim *string, _ *receipt.SessionID) { _, *claim = s.newKey() }},
		{name: "error - no claim", fail: custody.ErrClaim, do: func(_ *scene, _ *receipt.PublicKey, claim *string, _ *receipt.SessionID) { *claim = "" }},
		{name: "error - a key from elsewhere", fail: custody.ErrClaim, do: func(s *scene, k *receipt.PublicKey, _ *string, _ *receipt.SessionID) { *k = key(s.T, 9) }},
		{name: "error - a session that is not there", fail: session.ErrSession, do: func(_ *scene, _ *receipt.PublicKey, _ *string, id *receipt.SessionID) { *id = receipt.SessionID{1} }},
		{name: "error - a stranger's session", fail: custody.ErrForeign, do: func(s *scene, _ *receipt.PublicKey, _ *string, id *receipt.SessionID) {
			*id = s.session(key(s.T, 9), s.ours())
		}},
		{name: "error - a second session of the key", fail: custody.ErrClaim, do: func(s *scene, k *receipt.PublicKey, claim *string, id *receipt.SessionID) {
			require.NoError(s, s.Claim(s.Context(), k.Bytes(), *claim, *id))
			*id = s.session(*k, s.ours())
		}},
		{name: "error - nothing allotted", fail: custody.ErrForeign, do: func(s *scene, k *receipt.PublicKey, _ *string, id *receipt.SessionID) {
			*id = s.session(*k, session.Router{Key: key(s.T, 5), Allotment: 1})
		}},
		{name: "error - closing", fail: session.ErrSession, do: func(s *scene, _ *receipt.PublicKey, _ *string, id *receipt.SessionID) { s.chain.Close(*id) }},
		{name: "error - expired", fail: session.ErrSession, do: func(s *scene, _ *receipt.PublicKey, _ *string, _ *receipt.SessionID) { s.clock.pass(25 * time.Hour) }},
		{name: "error - too near its end", fail: session.ErrSession, do: func(s *scene, _ *receipt.PublicKey, _ *string, _ *receipt.SessionID) {
			s.clock.pass(24*time.Hour - 30*time.Second)
		}},
		{name: "error - the key was replaced", fail: custody.ErrForeign, do: func(s *scene, _ *receipt.PublicKey, _ *string, id *receipt.SessionID) {
			s.chain.Rotate(*id, key(s.T, 9))
		}},
		{name: "error - claimed with another key before", fail: custody.ErrClaim, do: func(s *scene, k *receipt.PublicKey, claim *string, id *receipt.SessionID) {
			require.NoError(s, s.Claim(s.Context(), k.Bytes(), *claim, *id))
			*k, *claim = s.newKey()
			s.chain.Rotate(*id, *k)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t)
			k, claim := s.newKey()
			id := s.session(k, s.ours())
			if c.do != nil {
				c.do(s, &k, &claim, &id)
			}
			before := s.Count()
			err := s.Claim(t.Context(), k.Bytes(), claim, id)
			require.ErrorIs(t, err, c.fail)
			if c.fail != nil {
				require.Equal(t, before, s.Count())
				return
			}
			require.Equal(t, 1, s.Count())
			got, err := s.Session(t.Context(), id)
			require.NoError(t, err)
			require.Equal(t, id, got.Info.ID)
		})
	}
}

// TestOneKeyIsOneSessions: both claims look at the key before either has written: only one of two sessions gets it.
func TestOneKeyIsOneSessions(t *testing.T) {
	s := newScene(t)
	k, claim := s.newKey()
	one, two := s.session(k, s.ours()), s.session(k, s.ours())
	s.chain.before = func() {
		s.chain.before = nil
		require.NoError(t, s.Claim(t.Context(), k.Bytes(), claim, two))
	}
	require.ErrorIs(t, s.Claim(t.Context(), k.Bytes(), claim, one), custody.ErrClaim)
	_, err := s.Session(t.Context(), one)
	require.ErrorIs(t, err, custody.ErrForeign)
	s.reopen()
	_, err = s.Session(t.Context(), two)
	require.NoError(t, err)
}

func TestSessions(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(s *scene, id *receipt.SessionID, k receipt.PublicKey)
		fail error
	}{
		{name: "success"},
		{name: "success - after a restart", do: func(s *scene, _ *receipt.SessionID, _ receipt.PublicKey) { s.reopen() }},
		{name: "error - unknown", fail: session.ErrSession, do: func(_ *scene, id *receipt.SessionID, _ receipt.PublicKey) { *id = receipt.SessionID{1} }},
		{name: "error - never claimed", fail: custody.ErrForeign, do: func(s *scene, id *receipt.SessionID, _ receipt.PublicKey) {
			k, _ := s.newKey()
			*id = s.session(k, s.ours())
		}},
		{name: "error - closing", fail: session.ErrSession, do: func(s *scene, id *receipt.SessionID, _ receipt.PublicKey) { s.chain.Close(*id) }},
		{name: "error - the key was replaced", fail: session.ErrKey, do: func(s *scene, id *receipt.SessionID, _ receipt.PublicKey) { s.chain.Rotate(*id, key(s.T, 9)) }},
		{name: "error - the key is back under another number", fail: session.ErrKey, do: func(s *scene, id *receipt.SessionID, k receipt.PublicKey) {
			_, err := s.Session(s.Context(), *id)
			require.NoError(s, err)
			s.chain.Rotate(*id, key(s.T, 9))
			s.chain.Rotate(*id, k)
		}},
		{name: "success - the key is back, and the router was started again", do: func(s *scene, id *receipt.SessionID, k receipt.PublicKey) {
			s.chain.Rotate(*id, key(s.T, 9))
			s.chain.Rotate(*id, k)
			s.reopen()
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t)
			id, k, _ := s.claimed()
			if c.do != nil {
				c.do(s, &id, k)
			}
			_, err := s.Session(t.Context(), id)
			require.ErrorIs(t, err, c.fail)
		})
	}
}

// TestATopUpCountsAtOnce: also in lanes that are open.
func TestATopUpCountsAtOnce(t *testing.T) {
	s := newScene(t)
	id, _, _ := s.claimed()
	got, err := s.Session(t.Context(), id)
	require.NoError(t, err)
	cosigner, err := session.NewSequencer(session.SequencerConfig{
		ChainID: chainID, Key: &secp256k1.PrivKey{Key: bytes.Repeat([]byte{4}, 32)}, Public: s.router, Chain: s.chain, Store: ledger.NewMemory(), Now: s.clock.Now,
	})
	require.NoError(t, err)
	lane, err := got.Lane(s.router.Address(), key(t, 2), cosigner)
	require.NoError(t, err)
	_, err = lane.Begin("app", receipt.RequestDigest(nil), allotment)
	require.NoError(t, err)
	_, err = lane.Begin("app", receipt.RequestDigest(nil), 1)
	require.ErrorIs(t, err, session.ErrAllotment)
	s.chain.more = 1
	_, err = s.Session(t.Context(), id)
	require.NoError(t, err)
	_, err = lane.Begin("app", receipt.RequestDigest(nil), 1)
	require.NoError(t, err)
}

func TestKeysThatNobodyClaimsMakeRoom(t *testing.T) {
	const most = 5
	s := newScene(t)
	s.cfg.Pending = most
	s.reopen()
	s.claimed()
	type pair struct {
		k     receipt.PublicKey
		claim string
	}
	var pairs []pair
	for range most {
		k, claim := s.newKey()
		pairs = append(pairs, pair{k, claim})
	}
	for range 2 {
		_, _, err := s.NewKey()
		require.ErrorIs(t, err, custody.ErrFull)
		s.reopen()
	}
	// One that is claimed does not wait any more.
	id := s.session(pairs[0].k, s.ours())
	require.NoError(t, s.Claim(t.Context(), pairs[0].k.Bytes(), pairs[0].claim, id))
	require.NoError(t, s.Claim(t.Context(), pairs[0].k.Bytes(), pairs[0].claim, id))
	s.newKey()
	_, _, err := s.NewKey()
	require.ErrorIs(t, err, custody.ErrFull)

	s.clock.pass(time.Hour + time.Second)
	k, claim := s.newKey()
	require.ErrorIs(t, s.Claim(t.Context(), pairs[1].k.Bytes(), pairs[1].claim, s.session(pairs[1].k, s.ours())), custody.ErrClaim, "dropped")
	require.NoError(t, s.Claim(t.Context(), k.Bytes(), claim, s.session(k, s.ours())))
	require.Equal(t, 3, s.Count())
	s.reopen()
	require.Equal(t, 3, s.Count())
}

func TestSettledSessionsAreForgotten(t *testing.T) {
	s := newScene(t)
	id, k, claim := s.claimed()
	other, _, _ := s.claimed()
	var told []receipt.SessionID
	also := func(id receipt.SessionID) error { told = append(told, id); return nil }
	forget := func() { t.Helper(); require.NoError(t, s.Forget(t.Context(), also)) }
	_, err := s.Session(t.Context(), id)
	require.NoError(t, err)

	forget()
	s.chain.Close(id)
	forget()
	s.clock.pass(2 * time.Hour) // closed and settled
	forget()
	require.Empty(t, told, "an endpoint may lag behind")
	require.Equal(t, 2, s.Count())
	s.clock.pass(time.Hour)
	require.ErrorIs(t, s.Forget(t.Context(), func(receipt.SessionID) error { return session.ErrLedger }), session.ErrLedger)
	require.Equal(t, 2, s.Count(), "what failed is tried again")
	forget()
	require.Equal(t, []receipt.SessionID{id}, told)
	require.Equal(t, 1, s.Count())
	require.ErrorIs(t, s.Claim(t.Context(), k.Bytes(), claim, id), custody.ErrClaim)

	// Also where no call was made since the start.
	s.reopen()
	s.chain.Close(other)
	s.clock.pass(2 * time.Hour)
	forget()
	s.clock.pass(time.Hour)
	forget()
	require.Equal(t, []receipt.SessionID{id, other}, told)
	s.reopen()
	require.Zero(t, s.Count())
}
