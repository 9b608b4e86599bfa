package call

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
)

// App answers calls; who asks for which app, and for what price at most, is in the request. It sends pieces of at most MaxPiece bytes, each with its units and its price; when send fails, it
// returns: with that error or nil, and what was delivered is charged. Any other error means that it failed, and the call
// costs nothing.
type App interface {
	Answer(ctx context.Context, r receipt.Request, body []byte, send func(Piece) error) error
}

// Piece is a part of an answer.
type Piece struct {
	Data          []byte
	Units, Amount uint64 // uemc
}

// ServerConfig is a node's end of the streams.
type ServerConfig struct {
	Node   *session.Node
	App    App
	Logger *slog.Logger

	Idle    time.Duration // between calls; a stream that asks for nothing is closed
	Write   time.Duration // for each frame
	Voucher time.Duration // how long a call waits for a voucher
	Call    time.Duration // how long a call may take
	Retry   time.Duration // told to those who are turned away
}

// DefaultServerConfig has the figures that a worker uses.
func DefaultServerConfig(node *session.Node, app App) ServerConfig {
	return ServerConfig{
		Node: node, App: app, Logger: slog.Default(),
		Idle: 2 * time.Minute, Write: 30 * time.Second, Voucher: 15 * time.Second, Call: time.Hour, Retry: 2 * time.Second,
	}
}

// server is one stream.
type server struct {
	ServerConfig
	conn   *conn
	frames chan got
	kept   *Frame // the next call's, which came before the last call's end was noticed
	taken  atomic.Uint64

	writing sync.Mutex
}

// got is what the stream's reader brought.
type got struct {
	Frame
	err error
}

// Serve answers the calls of one stream, one after the other, until the customer closes it, ctx ends, or something is
// malformed. It closes the stream, and returns nil when the customer closed it between calls.
func (cfg ServerConfig) Serve(ctx context.Context, stream io.ReadWriteCloser) error {
	s := &server{ServerConfig: cfg, conn: &conn{ReadWriteCloser: stream}, frames: make(chan got)}
	ctx, cancel := context.WithCancel(ctx)
	var reader sync.WaitGroup
	defer reader.Wait()
	defer stream.Close()
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = stream.Close() })
	defer stop()
	reader.Go(func() { s.read(ctx) })
	for {
		f, err := s.next(ctx, s.Idle)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return because(ctx, err)
		}
		if err := s.handle(ctx, f); err != nil {
			return s.end(err)
		}
	}
}

// read hands over frames, one at a time, until the stream fails. Its deadlines are set by who waits for them.
func (s *server) read(ctx context.Context) {
	for {
		f, err := s.conn.frame()
		select {
		case s.frames <- got{f, err}:
		case <-ctx.Done():
			return
		}
		if err != nil {
			return
		}
	}
}

// next waits for a frame.
func (s *server) next(ctx context.Context, within time.Duration) (Frame, error) {
	if f := s.kept; f != nil {
		s.kept = nil
		return *f, nil
	}
	stop, err := s.conn.guard(within, deadlines.SetReadDeadline)
	if err != nil {
		return Frame{}, err
	}
	defer stop()
	select {
	case g := <-s.frames:
		return g.Frame, g.err
	case <-ctx.Done():
		return Frame{}, ctx.Err()
	}
}

// end tells a customer why the stream is closed, where that may help.
func (s *server) end(err error) error {
	if errors.Is(err, ErrFrame) {
		_ = s.write(KindError, told(err, 0).encode())
	}
	return err
}

func (s *server) write(kind Kind, payload []byte) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if n := s.taken.Swap(0); n > 0 {
		if err := s.conn.write(s.Write, KindTaken, number(n)); err != nil {
			return err
		}
	}
	return s.conn.write(s.Write, kind, payload)
}

// refuse answers an error that leaves the stream usable.
func (s *server) refuse(err error) error {
	e := told(err, s.Retry)
	if e.Code == CodeInternal {
		s.Logger.Error("a call failed", "error", err)
	}
	return s.write(KindError, e.encode())
}

func (s *server) handle(ctx context.Context, f Frame) error {
	switch f.Kind {
	case KindCall:
		o, err := decodeOrder(f.Payload)
		if err != nil {
			return err
		}
		return s.call(ctx, o)
	case KindVoucher: // of a call that has just ended
		if err := s.voucher(ctx, f); err != nil {
			s.Logger.Warn("a voucher was refused", "error", err)
		}
		return nil
	case KindSettle:
		if err := s.voucher(ctx, f); err != nil {
			return s.refuse(err)
		}
		return s.write(KindTaken, number(s.taken.Swap(0)))
	case KindResume:
		return s.resume(ctx, f)
	case KindCancel: // of a call that has just ended
		return nil
	default:
		return frameError(errors.New("only a customer's frames are expected here"))
	}
}

func (s *server) voucher(ctx context.Context, f Frame) error {
	v, err := receipt.UnmarshalVoucher(f.Payload)
	if err != nil {
		return frameError(err)
	}
	return s.take(ctx, v)
}

// take takes a voucher; one that is older than the best is no fault.
func (s *server) take(ctx context.Context, v receipt.Voucher) error {
	if err := s.Node.Take(ctx, v); err != nil && !errors.Is(err, session.ErrStale) {
		return err
	}
	s.taken.Store(s.Node.Account(v.Lane).Vouched)
	return nil
}

func (s *server) resume(ctx context.Context, f Frame) error {
	asked, err := session.UnmarshalResume(f.Payload)
	if err != nil {
		return s.refuse(err)
	}
	state, err := s.Node.Resume(ctx, asked)
	if err != nil {
		return s.refuse(err)
	}
	b, err := state.MarshalBinary()
	if err != nil {
		return s.refuse(err)
	}
	return s.write(KindState, b)
}
