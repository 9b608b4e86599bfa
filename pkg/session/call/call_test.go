package call_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
	"github.com/edgematrix/emc/pkg/session/call"
)

func TestCalls(t *testing.T) {
	s := newScene(t, echo{})
	c := s.dial()
	for i, body := range []string{"a", "hello", "a long answer that takes vouchers in the middle", ""} {
		got, r := s.say(c, body, 10_000)
		require.Equal(t, body, got)
		require.Equal(t, uint64(10*len(body)), r.Amount)
		require.Equal(t, uint64(i), r.Sequence)
		require.Equal(t, receipt.StatusComplete, r.Status)
	}
	require.NoError(t, c.Settle(s.ctx))
	require.Zero(t, s.node.Account(s.lane.ID()).Exposure)
	require.Zero(t, s.lane.Standing().Owed())
	require.NoError(t, c.Settle(s.ctx))
}

// counting counts the vouchers that a router signs.
type counting struct {
	session.Cosigner
	signed int
}

func (c *counting) Cosign(ctx context.Context, v receipt.Voucher) (receipt.Signature, error) {
	c.signed++
	return c.Cosigner.Cosign(ctx, v)
}

// Small calls share a voucher: it is due when they come to a slice, which is two of these.
func TestSmallCallsShareAVoucher(t *testing.T) {
	s := newScene(t, echo{})
	router := &counting{Cosigner: s.sequencer}
	s.lane = s.newLane(router)
	c := s.dial()
	for range 10 {
		s.say(c, "x", 10)
	}
	require.Equal(t, 4, router.signed, "with the third, fifth, seventh and ninth call")
	require.LessOrEqual(t, s.node.Account(s.lane.ID()).Exposure, uint64(credit))
	require.NoError(t, c.Settle(s.ctx))
	require.Zero(t, s.node.Account(s.lane.ID()).Exposure)
}

func TestPieceAboveTheCreditIsPrepaid(t *testing.T) {
	s := newScene(t, appFunc(func(_ context.Context, body []byte, send func(call.Piece) error) error {
		return send(call.Piece{Data: body, Units: 1, Amount: 10 * credit})
	}))
	got, r := s.say(s.dial(), "x", 10*credit)
	require.Equal(t, "x", got)
	require.Equal(t, uint64(10*credit), r.Amount)
}

func TestMaximumPriceEndsTheAnswer(t *testing.T) {
	s := newScene(t, echo{})
	got, r := s.say(s.dial(), "too long", 35)
	require.Equal(t, "too", got)
	require.Equal(t, receipt.StatusComplete, r.Status)
	require.Equal(t, uint64(30), r.Amount)
}

func TestFailedAppCostsNothing(t *testing.T) {
	s := newScene(t, appFunc(func(_ context.Context, body []byte, send func(call.Piece) error) error {
		return errors.Join(send(call.Piece{Data: body, Amount: 10}), errors.New("no such model"))
	}))
	c := s.dial()
	_, r := s.say(c, "x", 100)
	require.Equal(t, receipt.StatusFailed, r.Status)
	require.Zero(t, r.Amount)
	s.say(c, "x", 100)
}

// A call that finds no place after all is no failure: whoever asked may ask another node.
func TestBusyAppTurnsAway(t *testing.T) {
	s := newScene(t, appFunc(func(context.Context, []byte, func(call.Piece) error) error {
		return fmt.Errorf("%w: all places are taken", session.ErrBusy)
	}))
	c := s.dial()
	_, r := s.say(c, "x", 100)
	require.Equal(t, receipt.StatusCancelled, r.Status)
	require.Zero(t, r.Amount)
	s.say(c, "x", 100)
}

// patient sends three pieces, and then waits until the customer is gone.
var patient = appFunc(func(ctx context.Context, _ []byte, send func(call.Piece) error) error {
	for range 3 {
		if err := send(call.Piece{Data: []byte("."), Units: 1, Amount: 10}); err != nil {
			return err
		}
	}
	<-ctx.Done()
	return ctx.Err()
})

func TestCancelChargesWhatWasDelivered(t *testing.T) {
	for name, stop := range map[string]func(*call.Call, context.CancelFunc) error{
		"cancel": func(k *call.Call, _ context.CancelFunc) error { return k.Cancel() },
		"context": func(k *call.Call, cancel context.CancelFunc) error {
			time.AfterFunc(20*time.Millisecond, cancel)
			if _, err := k.Read(make([]byte, 1)); !errors.Is(err, context.Canceled) {
				return errors.Join(errors.New("expected the context's error"), err)
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, patient)
			c := s.dial()
			ctx, cancel := context.WithCancel(s.ctx)
			defer cancel()
			k, err := c.Call(ctx, "echo", nil, 1000)
			require.NoError(t, err)
			_, err = io.ReadFull(k, make([]byte, 3))
			require.NoError(t, err)
			require.Equal(t, uint64(30), k.Told())
			require.NoError(t, stop(k, cancel))
			require.Equal(t, receipt.StatusCancelled, k.Receipt().Status)
			require.Equal(t, uint64(30), k.Receipt().Amount)
			require.NoError(t, c.Settle(s.ctx))
			require.Zero(t, s.node.Account(s.lane.ID()).Exposure, "the stream is usable")
		})
	}
}

func TestBrokenStreamIsResumed(t *testing.T) {
	s := newScene(t, patient)
	c := s.dial()
	k, err := c.Call(s.ctx, "echo", nil, 1000)
	require.NoError(t, err)
	_, err = io.ReadFull(k, make([]byte, 2))
	require.NoError(t, err)
	require.NoError(t, c.Close())
	_, err = k.Read(make([]byte, 1))
	require.ErrorIs(t, err, call.ErrStream)
	require.Equal(t, 1, s.lane.Standing().Orphans)

	c = s.dial()
	require.Eventually(t, func() bool {
		require.NoError(t, c.Resume(s.ctx))
		return s.lane.Standing().Open == 0
	}, 5*time.Second, 10*time.Millisecond)
	require.Equal(t, uint64(1), s.lane.Standing().Count)
	require.NoError(t, c.Settle(s.ctx))
	require.Zero(t, s.node.Account(s.lane.ID()).Exposure)
}

func TestManyStreamsOfOneLane(t *testing.T) {
	s := newScene(t, echo{})
	var wait sync.WaitGroup
	const streams, calls = 32, 4
	for range streams {
		c := s.dial()
		wait.Go(func() {
			for range calls {
				k, err := c.Call(s.ctx, "echo", []byte("0123456789"), 100)
				if errors.Is(err, session.ErrBusy) {
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				if got, err := io.ReadAll(k); err != nil || string(got) != "0123456789" {
					t.Error(string(got), err)
				}
			}
		})
	}
	wait.Wait()
	c := s.dial()
	require.NoError(t, c.Resume(s.ctx))
	require.NoError(t, c.Settle(s.ctx))
	st := s.lane.Standing()
	require.Equal(t, uint64(streams*calls), st.Count)
	require.Equal(t, uint64(streams*calls*100), st.Sum)
	require.Zero(t, s.node.Account(s.lane.ID()).Exposure)
}

func TestCustomerWhoNeverPays(t *testing.T) {
	s := newScene(t, echo{})
	s.server.Voucher = 50 * time.Millisecond
	s.lane = s.newLane(refusing{})
	k, err := s.dial().Call(s.ctx, "echo", []byte("0123456789"), 100)
	require.NoError(t, err)
	got, err := io.ReadAll(k)
	require.NoError(t, err)
	require.Equal(t, "0123", string(got), "no more than the credit")
	require.Equal(t, receipt.StatusCancelled, k.Receipt().Status)
	require.Equal(t, uint64(credit), k.Receipt().Amount)
}

type refusing struct{}

func (refusing) Cosign(context.Context, receipt.Voucher) (receipt.Signature, error) {
	return receipt.Signature{}, session.ErrAllotment
}

func TestCosignOverAStream(t *testing.T) {
	s := newScene(t, echo{})
	router := call.CosignServer{Cosigner: s.sequencer, Logger: s.server.Logger, Idle: time.Second, Write: time.Second}
	opened := 0
	var last net.Conn
	cosigner := &call.Cosigner{Wait: time.Second, Open: func(context.Context) (io.ReadWriteCloser, error) {
		ours, theirs := net.Pipe()
		opened++
		last = ours
		s.serving.Go(func() { _ = router.Serve(s.ctx, theirs) })
		return ours, nil
	}}
	defer cosigner.Close()
	s.lane = s.newLane(cosigner)
	c := s.dial()
	body := strings.Repeat("x", 50)
	got, _ := s.say(c, body, 10_000)
	require.Equal(t, body, got)
	require.Equal(t, 1, opened)
	_ = last.Close()
	s.say(c, body, 10_000)
	require.Equal(t, 2, opened, "a stream that broke is replaced")
	require.NoError(t, c.Settle(s.ctx))

	v, err := s.lane.Voucher(s.ctx)
	require.NoError(t, err)
	v.Amount--
	v, err = v.Sign(chainID, sessionKey)
	require.NoError(t, err)
	_, err = cosigner.Cosign(s.ctx, v)
	require.ErrorIs(t, err, session.ErrStale)
	require.Equal(t, 2, opened, "an answer is no broken stream")

	away := &call.Cosigner{Wait: time.Second, Open: func(context.Context) (io.ReadWriteCloser, error) { return nil, io.ErrClosedPipe }}
	_, err = away.Cosign(s.ctx, v)
	require.ErrorIs(t, err, call.ErrStream)
}
