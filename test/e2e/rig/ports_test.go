package rig

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestUntilPortsAreFree(t *testing.T) {
	starts := 0
	start := func(words ...string) func() (*Process, error) {
		return func() (*Process, error) {
			p, err := Launch("", nil, "", "sh", "-c", "echo "+words[min(starts, len(words)-1)])
			require.NoError(t, err)
			starts++
			_, err = p.WaitLine(t.Context(), "ready")
			<-p.Done()
			return p, err
		}
	}
	require.NoError(t, untilPortsAreFree(t.Context(), start("bind: address already in use", "ready")))
	require.Equal(t, 2, starts)
	starts = 0
	require.ErrorIs(t, untilPortsAreFree(t.Context(), start("something else")), ErrEnded)
	require.Equal(t, 1, starts, "another failure is told at once")
}
