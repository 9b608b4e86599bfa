package transfer

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
)

// LogEnd says where a log was left.
type LogEnd struct {
	Offset   int64 // where to go on reading
	Complete bool  // nothing will ever be added
}

// Logs copies the log from offset, in bytes, to w. With follow, it stays until the log is complete; without, it ends
// where the log ends now. It resumes by itself after a broken connection; when it fails, LogEnd says how far it came.
func (c *Client) Logs(ctx context.Context, offset int64, follow bool, w io.Writer) (LogEnd, error) {
	end := LogEnd{Offset: offset}
	if offset < 0 {
		return end, fmt.Errorf("offset %d: expected 0 or more", offset)
	}
	err := c.retry(ctx, func(moved func()) error {
		req := request{Verb: verbLogs, Offset: end.Offset, Follow: follow}
		err := c.exchange(ctx, req, func(cn conn) error {
			if _, err := cn.answer(); err != nil {
				return err
			}
			for {
				done, err := cn.logChunk(&end, w)
				if err != nil || done {
					return err
				}
				moved()
			}
		})
		if CodeOf(err) == CodeSealed {
			return c.sealedLog(ctx, &end, w)
		}
		return err
	})
	return end, err
}

// logChunk takes one chunk, or the last frame.
func (c conn) logChunk(end *LogEnd, w io.Writer) (done bool, err error) {
	var head [4]byte
	if err := c.readFull(head[:]); err != nil {
		return false, err
	}
	switch n := binary.BigEndian.Uint32(head[:]); {
	case n == logEnd:
		r, err := c.answer()
		end.Complete = r.Complete
		return true, err
	case n > chunkBytes:
		return false, fmt.Errorf("%w: a chunk of %d bytes", errFrame, n)
	default:
		buf := make([]byte, n)
		if err := c.readFull(buf); err != nil {
			return false, err
		}
		written, err := w.Write(buf)
		end.Offset += int64(written)
		if err != nil {
			return false, localError{fmt.Errorf("the log cannot be written: %w", err)}
		}
		return false, nil
	}
}
