package outbox

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	computetypes "github.com/edgematrix/emc/x/compute/types"
)

// A transaction of somebody else with the same account waits for the one that is under way, and holds back the next.
func TestAlone(t *testing.T) {
	f := setup(t, t.TempDir())
	f.chain.addJob("a", f.node(), computetypes.JOB_STATUS_SCHEDULED)
	f.job(t, "a")
	f.step(t) // it is on its way
	var ran atomic.Bool
	done := make(chan error, 1)
	go func() {
		done <- f.box.Alone(t.Context(), func() error { ran.Store(true); return errors.New("its own") })
	}()
	select {
	case <-done:
		t.Fatal("it ran beside a transaction")
	case <-time.After(3 * ask):
	}
	require.False(t, ran.Load())
	f.box.mu.Lock() // nobody asks the fake chain meanwhile
	f.chain.block(t)
	f.box.mu.Unlock()
	require.ErrorContains(t, <-done, "its own")
	require.True(t, ran.Load())

	// While it runs, nothing else is sent.
	f.chain.addJob("b", f.node(), computetypes.JOB_STATUS_SCHEDULED)
	f.job(t, "b")
	inside, release := make(chan struct{}), make(chan struct{})
	go func() { done <- f.box.Alone(t.Context(), func() error { close(inside); <-release; return nil }) }()
	<-inside
	stepped := make(chan error, 1)
	go func() { _, err := f.box.Step(t.Context()); stepped <- err }()
	select {
	case <-stepped:
		t.Fatal("the outbox sent beside it")
	case <-time.After(100 * time.Millisecond):
	}
	close(release)
	require.NoError(t, <-done)
	require.NoError(t, <-stepped)

	// Who waits in vain is told.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, f.box.Alone(ctx, func() error { return nil }), context.Canceled)
}
