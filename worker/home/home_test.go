package home

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDrainIsRemembered(t *testing.T) {
	h := Home(t.TempDir())
	require.False(t, h.Draining())
	require.NoError(t, h.SetDraining(true))
	require.NoError(t, h.SetDraining(true))
	require.True(t, h.Draining())
	require.NoError(t, h.SetDraining(false))
	require.NoError(t, h.SetDraining(false))
	require.False(t, h.Draining())
}
