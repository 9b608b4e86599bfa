package admission

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/receipt"
)

type sessions struct {
	keys map[receipt.SessionID]receipt.Address
	down bool
	asks int
}

var errDown = errors.New("down")

func (s *sessions) Bound(context.Context, int) (out []receipt.SessionID, err error) {
	if s.down {
		return nil, errDown
	}
	for id := range s.keys {
		out = append(out, id)
	}
	return out, nil
}

func (s *sessions) Key(_ context.Context, id receipt.SessionID) (receipt.Address, error) {
	s.asks++
	return s.keys[id], nil
}

// Customers are those of the chain: each session's key is asked for once in a while, and what was known stays while the chain is silent.
func TestCustomers(t *testing.T) {
	now := time.Unix(1e9, 0)
	s := &sessions{keys: map[receipt.SessionID]receipt.Address{{1}: {11}, {2}: {12}, {3}: {13}}}
	c := NewCustomers(s, func(id receipt.SessionID) bool { return id == receipt.SessionID{3} }, slog.New(slog.DiscardHandler), func() time.Time { return now })
	require.False(t, c.Has(receipt.Address{11}))
	for range 3 {
		require.NoError(t, c.look(t.Context()))
	}
	require.Equal(t, 2, s.asks)
	require.True(t, c.Has(receipt.Address{11}))
	require.True(t, c.Has(receipt.Address{12}))
	require.False(t, c.Has(receipt.Address{13}), "its key is the router's")

	s.down = true
	require.ErrorIs(t, c.look(t.Context()), errDown)
	require.True(t, c.Has(receipt.Address{11}))
	s.down = false
	s.keys[receipt.SessionID{1}] = receipt.Address{21}
	delete(s.keys, receipt.SessionID{2})
	require.NoError(t, c.look(t.Context()))
	require.True(t, c.Has(receipt.Address{11}))
	require.False(t, c.Has(receipt.Address{12}), "its session is gone")
	now = now.Add(keyFor + time.Second)
	require.NoError(t, c.look(t.Context()))
	require.True(t, c.Has(receipt.Address{21}))
	require.False(t, c.Has(receipt.Address{11}), "its key was replaced")

	for i := range byte(200) {
		s.keys[receipt.SessionID{100, i}] = receipt.Address{100, i}
	}
	s.asks = 0
	require.NoError(t, c.look(t.Context()))
	require.Equal(t, askedAtOnce, s.asks)
}
