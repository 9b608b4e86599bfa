package call_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
	"github.com/edgematrix/emc/pkg/session/call"
	"github.com/edgematrix/emc/pkg/session/internal/bin"
)

// villain answers a call by frames that it makes up.
func (s *scene) villain(answer func(receipt.Request) []call.Frame) *call.Client {
	ours, theirs := net.Pipe()
	s.serving.Go(func() {
		defer theirs.Close()
		f, err := call.ReadFrame(theirs)
		if err != nil {
			return
		}
		r := bin.Reader{B: f.Payload}
		request, err := receipt.UnmarshalRequest(r.Block(receipt.MaxRequestBytes))
		if err != nil {
			return
		}
		for _, f := range answer(request) {
			b, err := call.AppendFrame(nil, f)
			if err != nil {
				return
			}
			if _, err := theirs.Write(b); err != nil { // a pipe keeps nothing: the customer has read it all
				return
			}
			if f.Kind != call.KindDue {
				continue
			}
			if paid, err := call.ReadFrame(theirs); err != nil || paid.Kind != call.KindVoucher {
				s.Errorf("expected a voucher for what is due, got kind %d: %v", paid.Kind, err)
			}
		}
	})
	return s.client(ours)
}

// signed is a receipt that the villain's node key signs, whatever stands in it, as a frame.
func (s *scene) signed(r receipt.Receipt) call.Frame {
	b, err := receipt.ReceiptSignBytes(chainID, r)
	require.NoError(s, err)
	raw, err := nodeKey.Sign(b)
	require.NoError(s, err)
	r.Signature = receipt.Signature(raw)
	b, err = r.MarshalBinary()
	require.NoError(s, err)
	return call.Frame{Kind: call.KindReceipt, Payload: append(make([]byte, 32), b...)}
}

func dataFrame(amount uint64, text string) call.Frame {
	return call.Frame{Kind: call.KindData, Payload: new(bin.Writer).U64(amount).U64(1).Raw([]byte(text)).B}
}

func TestDishonestNodes(t *testing.T) {
	honest := func(r receipt.Request, amount uint64, text string) receipt.Receipt {
		return receipt.Receipt{Request: r, ResponseDigest: receipt.ResponseDigest([]byte(text), receipt.Salt{}), Units: 1, Amount: amount, StartedMs: 1, FinishedMs: 2, Status: receipt.StatusComplete}
	}
	for name, row := range map[string]struct {
		answer     func(*scene, receipt.Request) []call.Frame
		is         error
		quarantine bool
	}{
		"overcharges beyond the maximum": {func(s *scene, r receipt.Request) []call.Frame {
			return []call.Frame{dataFrame(10, "x"), s.signed(honest(r, 101, "x"))}
		}, receipt.ErrPrice, true},
		"charges more than it told": {func(s *scene, r receipt.Request) []call.Frame {
			return []call.Frame{dataFrame(10, "x"), s.signed(honest(r, 100, "x"))}
		}, session.ErrOvercharge, true},
		"signs another answer": {func(s *scene, r receipt.Request) []call.Frame {
			return []call.Frame{dataFrame(10, "x"), s.signed(honest(r, 10, "y"))}
		}, session.ErrResponse, true},
		"answers another request": {func(s *scene, r receipt.Request) []call.Frame {
			r.Nonce += 5
			return []call.Frame{s.signed(honest(r, 10, ""))}
		}, receipt.ErrRequest, true},
		"skips sequences": {func(s *scene, r receipt.Request) []call.Frame {
			bad := honest(r, 0, "")
			bad.Sequence = 1 << 30
			return []call.Frame{s.signed(bad)}
		}, session.ErrContradiction, true},
		"forges the customer's signature": {func(s *scene, r receipt.Request) []call.Frame {
			r.MaxPrice, r.Signature = 1<<40, receipt.Signature{1}
			return []call.Frame{dataFrame(10, "x"), s.signed(honest(r, 1<<40, "x"))}
		}, receipt.ErrRequest, true},
		"does not sign": {func(s *scene, r receipt.Request) []call.Frame {
			f := s.signed(honest(r, 0, ""))
			f.Payload[len(f.Payload)-1] ^= 1
			return []call.Frame{f}
		}, receipt.ErrNodeSignature, false},
		"tells more than the maximum": {func(*scene, receipt.Request) []call.Frame {
			return []call.Frame{dataFrame(101, "x")}
		}, call.ErrFrame, false},
		"tells less than before": {func(*scene, receipt.Request) []call.Frame {
			return []call.Frame{dataFrame(10, "x"), dataFrame(9, "x")}
		}, call.ErrFrame, false},
		"says nothing": {func(*scene, receipt.Request) []call.Frame { return nil }, call.ErrStream, false},
		"sends a customer's frame": {func(*scene, receipt.Request) []call.Frame {
			return []call.Frame{{Kind: call.KindCancel}}
		}, call.ErrFrame, false},
		"claims a debt without end": {func(*scene, receipt.Request) []call.Frame {
			return []call.Frame{{Kind: call.KindDue, Payload: bytes.Repeat([]byte{0x7f}, 8)}}
		}, call.ErrStream, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, echo{})
			c := s.villain(func(r receipt.Request) []call.Frame { return row.answer(s, r) })
			k, err := c.Call(s.ctx, "echo", []byte("x"), 100)
			require.NoError(t, err)
			_, err = io.ReadAll(k)
			require.ErrorIs(t, err, row.is)
			require.Equal(t, row.quarantine, errors.Is(err, session.ErrQuarantined))
			st := s.lane.Standing()
			require.LessOrEqual(t, st.Vouched, session.CustomerBound(100), "what it can take")
			require.Zero(t, st.Sum)
		})
	}
}

// A router that signs whatever it is asked lets a customer spend its deposit twice: the cover pays, and no more than the
// cover is accepted.
func TestRouterWhoCosignsTwice(t *testing.T) {
	s := newScene(t, echo{})
	s.chain.Open(sessionID, sessionKey.public, 100, 24*time.Hour, session.Router{Key: routerKey.public, Allotment: 100})
	s.chain.SetCover(routerKey.public.Address(), nodeKey.public.Address(), 500)
	voucher := func(amount uint64) receipt.Voucher {
		v, err := receipt.Voucher{Lane: s.lane.ID(), KeyID: 1, Amount: amount, Root: receipt.EmptyRoot()}.Sign(chainID, sessionKey)
		require.NoError(t, err)
		v, err = v.Cosign(chainID, routerKey)
		require.NoError(t, err)
		return v
	}
	require.ErrorIs(t, s.node.Take(s.ctx, voucher(501)), session.ErrCover)
	require.NoError(t, s.node.Take(s.ctx, voucher(500)))
	redeemer, err := session.NewRedeemer(session.RedeemerConfig{Node: s.node, Chain: s.chain, Now: time.Now, Logger: s.server.Logger, Batch: 10, Backoff: time.Second, MaxBackoff: time.Minute})
	require.NoError(t, err)
	report, err := redeemer.Step(s.ctx)
	require.NoError(t, err)
	require.Equal(t, uint64(500), report.Paid)
	require.Equal(t, uint64(400), s.chain.Seized(routerKey.public.Address()))
}
