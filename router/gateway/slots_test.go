package gateway

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/router/apikey"
)

// Keys that have no call are forgotten: there may be many of them.
func TestSlotsForget(t *testing.T) {
	s := newSlots(Config{MaxCalls: 5, MaxCallsPerKey: 2, MaxCallsPerSession: 5})
	first, err := s.take(apikey.Key{ID: "a"})
	require.NoError(t, err)
	second, err := s.take(apikey.Key{ID: "a"})
	require.NoError(t, err)
	_, err = s.take(apikey.Key{ID: "a"})
	require.Error(t, err)
	first()
	require.Equal(t, map[string]int{"a": 1}, s.byKey)
	second()
	require.Empty(t, s.byKey)
	require.Empty(t, s.bySession)
	require.Zero(t, s.total)
}

// Apps that come and go do not make series without end.
func TestLabels(t *testing.T) {
	m := &metrics{apps: map[string]bool{}}
	for i := range maxApps {
		app := string(rune('a'+i%26)) + string(rune('a'+i/26))
		require.Equal(t, app, m.label(app))
	}
	require.Equal(t, other, m.label("one more"))
	require.Equal(t, "aa", m.label("aa"))
	require.Equal(t, other, m.label(""))
}
