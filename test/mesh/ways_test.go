package mesh

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/edgematrix/emc/testutil/netlab"
)

// moveWithin is what the network promises: so soon after a way got slow, calls take another.
const moveWithin = 5 * time.Second

// Two routers, and the worker is near to both. The way between the worker and the router at which calls are made gets long:
// calls take the circuit through the other one. That one's line gets worse than the long way: they go directly again.
func fasterWay(s *site) {
	const long, worse = 300 * time.Millisecond, 600 * time.Millisecond
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

// made is a call that was made: when, and how long it took.
type made struct{ at, took time.Duration }

// moves makes calls, some a second, until three in a row were answered sooner than by a way that has got slow, and returns
// when the first of these was made. None may fail.
func (s *session) moves(slow time.Duration) time.Duration {
	s.Helper()
	const every, inARow = 250 * time.Millisecond, 3
	ctx, cancel := context.WithTimeout(s.ctx, patience)
	defer cancel()
	began := time.Now()
	answered := make(chan made)
	calls, ctx := errgroup.WithContext(ctx)
	done, stop := context.WithCancel(ctx)
	calls.Go(func() error {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for number := 0; ; number++ {
			select {
			case <-done.Done():
				return nil
			case <-tick.C:
			}
			at := time.Since(began)
			calls.Go(func() error {
				if err := s.short(ctx); err != nil {
					return err
				}
				select {
				case answered <- made{at, time.Since(began) - at}:
				case <-done.Done():
				}
				return nil
			})
		}
	})
	var all []made
	for done.Err() == nil {
		select {
		case <-done.Done():
		case m := <-answered:
			all = append(all, m)
			slices.SortFunc(all, func(a, b made) int { return cmp.Compare(a.at, b.at) })
			if len(all) >= inARow && !slices.ContainsFunc(all[len(all)-inARow:], func(m made) bool { return m.took >= slow }) {
				stop()
			}
		}
	}
	stop()
	require.NoError(s, calls.Wait(), "a call; %v", all)
	s.Logf("calls, and what they took: %v", all)
	return all[len(all)-inARow].at
}

// short is a call of one token.
func (s *session) short(ctx context.Context) error {
	answer, err := s.ask(ctx, 1)
	if err != nil {
		return err
	}
	defer answer.Close()
	if first, end := answer.next(), answer.next(); first != token(0) || end != "[DONE]" {
		return fmt.Errorf("%q and %q are not the answer", first, end)
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
