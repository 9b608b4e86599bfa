package apikey_test

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/session/ledger"
	"github.com/edgematrix/emc/router/apikey"
)

const session = "session-1"

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

func newClock() *clock { return &clock{now: time.Unix(1_800_000_000, 0).UTC()} }

func open(t testing.TB, l ledger.Store, c *clock) *apikey.Store {
	t.Helper()
	s, err := apikey.New(apikey.Config{Ledger: l, MaxPerSession: 5, Now: c.Now, Rand: rand.Reader})
	require.NoError(t, err)
	return s
}

func openFile(t testing.TB, path string, c *clock) *apikey.Store {
	t.Helper()
	l, err := ledger.Open(path)
	require.NoError(t, err)
	return open(t, l, c)
}

func create(t testing.TB, s *apikey.Store, k apikey.Key) (apikey.Key, string) {
	t.Helper()
	if k.Session == "" {
		k.Session = session
	}
	k, secret, err := s.Create(k)
	require.NoError(t, err)
	return k, secret
}

// A key comes back from the file as it was made, and its secret is not in there.
func TestCreateAndReopen(t *testing.T) {
	path, c := filepath.Join(t.TempDir(), "keys.db"), newClock()
	s := openFile(t, path, c)
	k, secret := create(t, s, apikey.Key{Name: "web", Limit: 1000, PerCall: 50, MaxConcurrent: 3, Master: true, ExpiresAt: c.Now().Add(time.Hour)})
	require.Len(t, secret, len(apikey.Prefix)+43)
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(secret, apikey.Prefix))
	require.NoError(t, err)
	require.Len(t, raw, 32)
	got, err := s.Authenticate(secret)
	require.NoError(t, err)
	require.Equal(t, k, got)
	require.NoError(t, s.Reserve(k.ID, 40))
	require.NoError(t, s.Settle(k.ID, 40, 7))
	require.NoError(t, s.Close())
	require.NoError(t, s.Close(), "twice")

	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	file, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NotContains(t, string(file), strings.TrimPrefix(secret, apikey.Prefix))
	require.NotContains(t, string(file), string(raw))

	s = openFile(t, path, c)
	defer s.Close()
	got, err = s.Authenticate(secret)
	require.NoError(t, err)
	k.Spent = 7
	require.Equal(t, k, got, "a clean end loses nothing")
}

func TestAuthenticate(t *testing.T) {
	c := newClock()
	s := open(t, ledger.NewMemory(), c)
	k, secret := create(t, s, apikey.Key{ExpiresAt: c.Now().Add(time.Minute)})
	for _, wrong := range []string{
		"", "sk-emc-", secret + "A", secret[:len(secret)-1], "sk-" + secret, strings.ToUpper(secret), " " + secret, secret + "\n",
		apikey.Prefix + strings.Repeat("A", 43), apikey.Prefix + strings.Repeat("!", 43), k.ID,
	} {
		_, err := s.Authenticate(wrong)
		require.ErrorIs(t, err, apikey.ErrUnknown, "%q", wrong)
	}
	c.pass(time.Minute)
	got, err := s.Authenticate(secret)
	require.ErrorIs(t, err, apikey.ErrExpired)
	require.Equal(t, k.ID, got.ID)
	require.ErrorIs(t, s.Reserve(k.ID, 1), apikey.ErrExpired)

	k, secret = create(t, s, apikey.Key{})
	require.NoError(t, s.Reserve(k.ID, 5))
	_, err = s.Revoke(k.ID)
	require.NoError(t, err)
	_, err = s.Authenticate(secret)
	require.ErrorIs(t, err, apikey.ErrRevoked)
	require.ErrorIs(t, s.Reserve(k.ID, 1), apikey.ErrRevoked)
	require.NoError(t, s.Settle(k.ID, 5, 5), "a call that ran is settled")
	c.pass(time.Hour)
	again, err := s.Revoke(k.ID)
	require.NoError(t, err)
	require.Equal(t, c.Now().Add(-time.Hour), again.RevokedAt, "the first time counts")
	_, err = s.Revoke("key-none")
	require.ErrorIs(t, err, apikey.ErrUnknown)
}

func TestLimits(t *testing.T) {
	s := open(t, ledger.NewMemory(), newClock())
	k, _ := create(t, s, apikey.Key{Limit: 100, PerCall: 60})
	require.ErrorIs(t, s.Reserve(k.ID, 61), apikey.ErrPerCall)
	require.NoError(t, s.Reserve(k.ID, 60))
	require.ErrorIs(t, s.Reserve(k.ID, 41), apikey.ErrLimit)
	require.NoError(t, s.Reserve(k.ID, 40))
	require.ErrorIs(t, s.Reserve(k.ID, 1), apikey.ErrLimit)
	require.NoError(t, s.Settle(k.ID, 60, 10))
	require.NoError(t, s.Reserve(k.ID, 50))
	require.ErrorIs(t, s.Reserve(k.ID, ^uint64(0)), apikey.ErrPerCall)
	require.NoError(t, s.Settle(k.ID, 50, 70), "a receipt above what was reserved counts in full")
	got, err := s.Get(k.ID)
	require.NoError(t, err)
	require.Equal(t, uint64(80), got.Spent)
	require.Equal(t, uint64(40), got.Reserved)
	require.Zero(t, got.Room())
	require.ErrorIs(t, s.Reserve(k.ID, 1), apikey.ErrLimit)
	_, err = s.SetLimit(k.ID, 121)
	require.NoError(t, err)
	require.NoError(t, s.Reserve(k.ID, 1))

	free, _ := create(t, s, apikey.Key{})
	require.NoError(t, s.Reserve(free.ID, ^uint64(0)-5))
	require.ErrorIs(t, s.Reserve(free.ID, 6), apikey.ErrLimit, "a sum that no number holds")
}

func TestBadKeys(t *testing.T) {
	c := newClock()
	s := open(t, ledger.NewMemory(), c)
	for _, k := range []apikey.Key{
		{}, {Session: strings.Repeat("s", 200)}, {Session: session, Name: strings.Repeat("n", 65)}, {Session: session, Name: "a\nb"},
		{Session: session, Name: "\xff"}, {Session: session, ExpiresAt: c.Now()},
	} {
		_, _, err := s.Create(k)
		require.ErrorIs(t, err, apikey.ErrInvalid)
	}
}

// The keys of a session are bounded; those that are of no use make room.
func TestManyKeys(t *testing.T) {
	c := newClock()
	s := open(t, ledger.NewMemory(), c)
	var ids []string
	for i := range 5 {
		k, _ := create(t, s, apikey.Key{Name: fmt.Sprint(i)})
		ids = append(ids, k.ID)
		c.pass(time.Second)
	}
	_, _, err := s.Create(apikey.Key{Session: session})
	require.ErrorIs(t, err, apikey.ErrTooMany)
	create(t, s, apikey.Key{Session: "another"})
	require.NoError(t, s.Reserve(ids[1], 5))
	for _, i := range []int{1, 3, 2} { // the first that was revoked still has a call that runs
		_, err := s.Revoke(ids[i])
		require.NoError(t, err)
		c.pass(time.Second)
	}
	create(t, s, apikey.Key{Name: "new"})
	list, err := s.List(session)
	require.NoError(t, err)
	var names []string
	for _, k := range list {
		names = append(names, k.Name)
	}
	require.Equal(t, []string{"0", "1", "2", "4", "new"}, names)
	_, err = s.Get(ids[3])
	require.ErrorIs(t, err, apikey.ErrUnknown)

	require.NoError(t, s.Forget(session))
	list, err = s.List(session)
	require.NoError(t, err)
	require.Empty(t, list)
	list, err = s.List("another")
	require.NoError(t, err)
	require.Len(t, list, 1)
}

// A file that cannot be written ends reservations: what it has is unknown.
func TestBroken(t *testing.T) {
	m := ledger.NewMemory()
	s := open(t, m, newClock())
	k, _ := create(t, s, apikey.Key{Limit: 1000})
	m.CrashIn(1, false)
	require.ErrorIs(t, s.Reserve(k.ID, 1), apikey.ErrBroken)
	m.Restart()
	require.ErrorIs(t, s.Reserve(k.ID, 1), apikey.ErrBroken)
	_, _, err := s.Create(apikey.Key{Session: session})
	require.ErrorIs(t, err, apikey.ErrBroken)
	_, err = s.SetLimit(k.ID, 0)
	require.ErrorIs(t, err, apikey.ErrBroken)
	got, err := s.Get(k.ID)
	require.NoError(t, err)
	require.Equal(t, uint64(1000), got.Limit)
	require.NoError(t, s.Close())
	require.ErrorIs(t, s.Reserve(k.ID, 1), apikey.ErrClosed)
}

func TestDamaged(t *testing.T) {
	for _, bad := range []string{"", "{}", `{"id":"a","hash":"00"}`, `{"id":"a","unknown":1}`} {
		m := ledger.NewMemory()
		require.NoError(t, m.Batch(ledger.Op{Key: []byte("key/a"), Value: []byte(bad)}))
		_, err := apikey.New(apikey.Config{Ledger: m, MaxPerSession: 5, Now: time.Now, Rand: rand.Reader})
		require.ErrorIs(t, err, ledger.ErrCorrupt, "%s", bad)
	}
	_, err := apikey.New(apikey.Config{})
	require.True(t, errors.Is(err, apikey.ErrInvalid))
}
