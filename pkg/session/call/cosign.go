package call

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
)

// Cosigner asks a router for its signatures over one stream at a time, which it opens when it needs one.
type Cosigner struct {
	Open func(ctx context.Context) (io.ReadWriteCloser, error) // a stream of CosignProtocol
	Wait time.Duration                                         // for an answer

	mu   sync.Mutex
	conn *conn
}

var _ session.Cosigner = (*Cosigner)(nil)

// Cosign implements session.Cosigner. A stream that broke since the last time is replaced once: asking again for the same
// voucher gets the same signature. One on which no answer came in time is not asked again at once, so that a router which is
// gone costs its customer Wait, and no more.
func (c *Cosigner) Cosign(ctx context.Context, v receipt.Voucher) (receipt.Signature, error) {
	b, err := v.MarshalBinary()
	if err != nil {
		return receipt.Signature{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	kept := c.conn != nil
	sig, err := c.ask(ctx, b)
	var answered *Error
	if err != nil && kept && ctx.Err() == nil && !errors.As(err, &answered) && !isTimeout(err) {
		sig, err = c.ask(ctx, b)
	}
	return sig, err
}

func (c *Cosigner) ask(ctx context.Context, voucher []byte) (sig receipt.Signature, err error) {
	if c.conn == nil {
		stream, err := c.Open(ctx)
		if err != nil {
			return sig, fmt.Errorf("%w: the router: %w", ErrStream, err)
		}
		c.conn = &conn{ReadWriteCloser: stream}
	}
	defer func() {
		var answered *Error
		if err != nil && !errors.As(err, &answered) {
			err = because(ctx, fmt.Errorf("%w: the router: %w", ErrStream, err))
			_ = c.conn.Close()
			c.conn = nil
		}
	}()
	if err := c.conn.write(c.Wait, KindCosign, voucher); err != nil {
		return sig, err
	}
	f, err := c.conn.read(ctx, c.Wait)
	switch {
	case err != nil:
		return sig, err
	case f.Kind == KindError:
		return sig, decodeError(f.Payload)
	case f.Kind != KindSigned || len(f.Payload) != receipt.SignatureSize:
		return sig, frameError(errors.New("no signature"))
	}
	return receipt.Signature(f.Payload), nil
}

// Close closes the stream.
func (c *Cosigner) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn == nil {
		return nil
	}
	err := c.conn.Close()
	c.conn = nil
	return err
}

// CosignServer is a router's end of /emc/cosign/1.
type CosignServer struct {
	Cosigner session.Cosigner // the Sequencer
	Logger   *slog.Logger
	Idle     time.Duration // a stream that asks for nothing is closed
	Write    time.Duration
	Retry    time.Duration // told to those who are turned away
}

// Serve answers one stream until it is closed, ctx ends, or something is malformed. It closes the stream.
func (s CosignServer) Serve(ctx context.Context, stream io.ReadWriteCloser) error {
	defer stream.Close()
	stop := context.AfterFunc(ctx, func() { _ = stream.Close() })
	defer stop()
	c := &conn{ReadWriteCloser: stream}
	for {
		f, err := c.read(ctx, s.Idle)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return because(ctx, err)
		case f.Kind != KindCosign:
			return frameError(errors.New("only vouchers are co-signed here"))
		}
		v, err := receipt.UnmarshalVoucher(f.Payload)
		if err != nil {
			return frameError(err)
		}
		sig, err := s.Cosigner.Cosign(ctx, v)
		if err != nil {
			e := told(err, s.Retry)
			if e.Code == CodeInternal {
				s.Logger.Error("a voucher was not co-signed", "session", v.Session, "error", err)
			}
			err = c.write(s.Write, KindError, e.encode())
		} else {
			err = c.write(s.Write, KindSigned, sig[:])
		}
		if err != nil {
			return because(ctx, err)
		}
	}
}
