package mesh

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/testutil/netlab"
)

// moveWithin is what the network promises: so soon after a way got slow, calls take another.
const moveWithin = 5 * time.Second

// Two routers, and the worker is near to both. The way between the worker and the router at which calls are made gets long:
// calls take the circuit through the other one. That one's line gets worse than the long way: they go directly again.
func fasterWay(s *site) {
	const long, worse = 400 * time.Millisecond, 600 * time.Millisecond
	a := s.open()
	a.whole(5)
	before := s.carriedBy(s.far)

	require.NoError(s, s.home.Link().Detour(s.gateway, long))
	after := a.moves(2 * long) // no call could be answered so soon directly
	s.Logf("the direct way got long: calls moved to the other router after %s", after)
	require.Less(s, after, moveWithin)
	require.Greater(s, s.carriedBy(s.far), before)

	require.NoError(s, s.far.Link().Delay(worse, 0))
	after = a.moves(4 * worse) // a circuit goes over that line four times before anything comes back
	s.Logf("the other router's line got worse: calls moved back after %s", after)
	require.Less(s, after, moveWithin)

	require.NoError(s, s.far.Link().Delay(0, 0))
	require.NoError(s, s.home.Link().Detour(s.gateway, 0))
}

// moves makes calls, three a second, until one is answered sooner than a way that has got slow could, and returns when that
// one was made. None may fail.
func (s *session) moves(slow time.Duration) time.Duration {
	s.Helper()
	const every = 300 * time.Millisecond
	ctx, cancel := context.WithTimeout(s.ctx, patience)
	defer cancel()
	began := time.Now()
	moved, failed := make(chan time.Duration, 1), make(chan error, 1)
	done := make(chan struct{})
	var calls sync.WaitGroup
	defer calls.Wait()
	call := func() {
		at := time.Now()
		err := s.short(ctx)
		took := time.Since(at)
		switch {
		case err != nil:
			select {
			case failed <- err:
			default:
			}
		case took < slow:
			select {
			case moved <- at.Sub(began):
			default:
			}
		}
	}
	defer close(done)
	calls.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				calls.Go(call)
			case <-done:
				return
			}
		}
	})
	select {
	case err := <-failed:
		require.NoError(s, err, "a call")
	case after := <-moved:
		return after
	}
	return 0
}

// short is a call of one token.
func (s *session) short(ctx context.Context) error {
	answer, err := s.ask(ctx, 1)
	if err != nil {
		return err
	}
	defer answer.Close()
	if first := answer.next(); first != token(0) {
		return fmt.Errorf("%q is not the answer", first)
	}
	return nil
}

// carried is how many bytes the routers have relayed, carriedBy one of them.
func (s *site) carried() float64 { s.Helper(); return s.carriedBy(s.gateway) + s.carriedBy(s.far) }

func (s *site) carriedBy(h *netlab.Host) float64 {
	s.Helper()
	answer, err := from(s.customer).Get("http://" + h.Address.String() + ":9465/metrics")
	require.NoError(s, err)
	defer answer.Body.Close()
	require.Equal(s, http.StatusOK, answer.StatusCode)
	text, err := io.ReadAll(answer.Body)
	require.NoError(s, err)
	for line := range strings.Lines(string(text)) {
		if n, ok := strings.CutPrefix(line, "libp2p_relaysvc_data_transferred_bytes_total "); ok {
			bytes, err := strconv.ParseFloat(strings.TrimSpace(n), 64)
			require.NoError(s, err)
			return bytes
		}
	}
	return 0
}
