package runtime

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

func TestGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Gate
		leave, err := g.Enter(t.Context())
		require.NoError(t, err)

		shut := make(chan error, 1)
		go func() { shut <- g.Shut(t.Context()) }()
		entered := make(chan func(), 1)
		synctest.Wait()
		require.Empty(t, shut, "somebody is inside")
		go func() {
			leave, err := g.Enter(t.Context())
			if err == nil {
				entered <- leave
			}
		}()
		synctest.Wait()
		require.Empty(t, entered, "it is shut")
		leave()
		synctest.Wait()
		require.NoError(t, <-shut)
		require.Empty(t, entered)

		ended, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = g.Enter(ended)
		require.ErrorIs(t, err, context.Canceled)

		g.Open()
		g.Open()
		synctest.Wait()
		leave = <-entered
		require.ErrorIs(t, g.Shut(ended), context.Canceled, "somebody is inside")
		_, err = g.Enter(ended)
		require.ErrorIs(t, err, context.Canceled, "it is shut all the same")
		g.Open()
		leave()
		require.NoError(t, g.Shut(t.Context()))
	})
}
