package call

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

// conn puts a deadline on every frame that is read or written, on streams that have deadlines; others are closed instead.
// One goroutine reads, one writes.
type conn struct {
	io.ReadWriteCloser
	head    [5]byte
	have    int    // bytes of head and payload that are here
	payload []byte // nil until head is complete
}

type deadlines interface {
	SetReadDeadline(time.Time) error
	SetWriteDeadline(time.Time) error
}

// guard closes a stream without deadlines when something takes too long.
func (c *conn) guard(d time.Duration, set func(deadlines, time.Time) error) (stop func(), err error) {
	if s, ok := c.ReadWriteCloser.(deadlines); ok {
		return func() {}, set(s, time.Now().Add(d))
	}
	t := time.AfterFunc(d, func() { _ = c.Close() })
	return func() { t.Stop() }, nil
}

// read reads a frame within a time, or until the context ends. A frame that the context's end cuts in two goes on with the
// next read.
func (c *conn) read(ctx context.Context, within time.Duration) (Frame, error) {
	stop, err := c.guard(within, deadlines.SetReadDeadline)
	if err != nil {
		return Frame{}, err
	}
	defer stop()
	interrupted := make(chan struct{})
	leave := context.AfterFunc(ctx, func() { c.interrupt(); close(interrupted) })
	f, err := c.frame()
	if !leave() {
		<-interrupted // or it would hit the next read
	}
	return f, err
}

func (c *conn) frame() (Frame, error) {
	if c.payload == nil {
		if err := c.fill(c.head[:], 0); err != nil {
			return Frame{}, err
		}
		n, err := checkHead(c.head)
		if err != nil {
			return Frame{}, err
		}
		c.payload = make([]byte, n)
	}
	if err := c.fill(c.payload, len(c.head)); err != nil {
		return Frame{}, err
	}
	f := Frame{Kind(c.head[4]), c.payload}
	c.have, c.payload = 0, nil
	return f, nil
}

// fill reads into b, which begins at an offset of the frame.
func (c *conn) fill(b []byte, offset int) error {
	n, err := io.ReadFull(c.ReadWriteCloser, b[c.have-offset:])
	c.have += n
	if err != nil && c.have > 0 && errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (c *conn) write(within time.Duration, kind Kind, payload []byte) error {
	b, err := AppendFrame(nil, Frame{kind, payload})
	if err != nil {
		return err
	}
	stop, err := c.guard(within, deadlines.SetWriteDeadline)
	if err != nil {
		return err
	}
	defer stop()
	_, err = c.Write(b)
	return err
}

// interrupt makes a read that waits fail at once.
func (c *conn) interrupt() {
	if s, ok := c.ReadWriteCloser.(deadlines); ok {
		_ = s.SetReadDeadline(time.Unix(1, 0))
		return
	}
	_ = c.Close()
}

// because prefers the context's reason to that of a stream which was interrupted for it.
func because(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("%w: %w", ctx.Err(), err)
	}
	return err
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}
