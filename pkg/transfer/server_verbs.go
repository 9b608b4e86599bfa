package transfer

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"time"

	"github.com/edgematrix/emc/pkg/job"
)

func (s *server) offer(ctx context.Context, c conn, req request) error {
	if req.Size < 1 || req.Size > job.MaxSpecBytes {
		return Errorf(CodeTooLarge, "a specification has 1 to %d bytes, this one %d", job.MaxSpecBytes, req.Size)
	}
	if err := checkRecipient(req.Recipient); err != nil {
		return Errorf(CodeInvalid, "%v", err)
	}
	spec := make([]byte, req.Size)
	if err := c.readFull(spec); err != nil {
		return streamError{err}
	}
	wants, err := s.backend.Offer(ctx, req.Job, spec, req.Salt, req.Recipient)
	if err != nil {
		return err
	}
	return reply(c, response{Wants: wants})
}

func (s *server) put(ctx context.Context, c conn, req request) error {
	if err := checkBlob(req); err != nil {
		return err
	}
	if req.Size < 0 || req.Size > job.MaxFileBytes || req.Offset > req.Size {
		return Errorf(CodeInvalid, "a blob of %d bytes cannot continue at %d", req.Size, req.Offset)
	}
	w, err := s.backend.Put(ctx, req.Job, req.SHA256, req.Size, req.Offset)
	if err != nil {
		return err
	}
	if err := c.receive(w, req.Size-req.Offset); err != nil {
		err = errors.Join(err, w.Close())
		if errors.As(err, new(errRead)) {
			return streamError{err}
		}
		return err
	}
	if err := w.Commit(); err != nil {
		_ = w.Close()
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return reply(c, response{})
}

func (s *server) status(ctx context.Context, c conn, req request) error {
	status, err := s.backend.Status(ctx, req.Job)
	if err != nil {
		return err
	}
	return reply(c, response{Status: &status})
}

func (s *server) result(ctx context.Context, c conn, req request) error {
	data, salt, err := s.backend.Result(ctx, req.Job)
	if err != nil {
		return err
	}
	if err := reply(c, response{Size: int64(len(data)), Salt: salt}); err != nil {
		return err
	}
	return cut(c.send(bytes.NewReader(data), int64(len(data))))
}

func (s *server) get(ctx context.Context, c conn, req request) error {
	if err := checkBlob(req); err != nil {
		return err
	}
	b, err := s.backend.Get(ctx, req.Job, req.SHA256, req.Offset)
	if err != nil {
		return err
	}
	return c.sendBlob(b, req.Offset)
}

func (s *server) sealedLog(ctx context.Context, c conn, req request) error {
	if req.Offset < 0 {
		return Errorf(CodeInvalid, "offset %d: expected 0 or more", req.Offset)
	}
	b, err := s.backend.SealedLog(ctx, req.Job, req.Offset)
	if err != nil {
		return err
	}
	return c.sendBlob(b, req.Offset)
}

func (c conn) sendBlob(b Blob, offset int64) error {
	defer b.Close()
	if err := reply(c, response{Size: b.Size, Sealed: b.Sealed}); err != nil {
		return err
	}
	return cut(c.send(b, b.Size-offset))
}

// logs sends what there is, and with follow what comes, with signs of life in between. A goroutine reads from the peer,
// who has nothing more to say: when that read ends, he has gone, and waiting for the log must end too.
func (s *server) logs(ctx context.Context, c conn, req request) error {
	if req.Offset < 0 {
		return Errorf(CodeInvalid, "offset %d: expected 0 or more", req.Offset)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	log, err := s.backend.Log(ctx, req.Job, req.Offset, req.Follow)
	if err != nil {
		return err
	}
	chunks, failed := pump(ctx, log)
	defer func() {
		cancel()
		for range chunks { // until nobody reads the log any more
		}
		_ = log.Close()
	}()
	if err := reply(c, response{}); err != nil {
		return err
	}
	_ = c.SetReadDeadline(time.Time{})
	go func() {
		defer cancel()
		_, _ = c.Read(make([]byte, 1))
	}()

	beat := time.NewTicker(s.cfg.Heartbeat)
	defer beat.Stop()
	for {
		select {
		case chunk, more := <-chunks:
			if !more {
				if err := <-failed; err != nil {
					return streamError{err}
				}
				if err := c.write(binary.BigEndian.AppendUint32(nil, logEnd)); err != nil {
					return streamError{err}
				}
				return reply(c, response{Complete: log.Complete()})
			}
			if err := c.write(append(binary.BigEndian.AppendUint32(nil, uint32(len(chunk))), chunk...)); err != nil {
				return streamError{err}
			}
		case <-beat.C:
			if err := c.write(make([]byte, 4)); err != nil {
				return streamError{err}
			}
		}
	}
}

// pump reads until the end or until ctx is done. The error is there when chunks is closed; nil stands for the end.
func pump(ctx context.Context, r io.Reader) (chunks <-chan []byte, failed <-chan error) {
	out, end := make(chan []byte), make(chan error, 1)
	go func() {
		defer close(out)
		for {
			buf := make([]byte, chunkBytes/2)
			n, err := r.Read(buf)
			if n > 0 {
				select {
				case out <- buf[:n]:
				case <-ctx.Done():
					end <- ctx.Err()
					return
				}
			}
			if err == io.EOF {
				end <- nil
				return
			}
			if err != nil {
				end <- err
				return
			}
		}
	}()
	return out, end
}

func checkBlob(req request) error {
	if _, err := job.ParseDigest(req.SHA256); err != nil {
		return Errorf(CodeInvalid, "%v", err)
	}
	if req.Offset < 0 {
		return Errorf(CodeInvalid, "offset %d: expected 0 or more", req.Offset)
	}
	return nil
}

// reply sends a frame; after it, only a reset can tell the peer that something failed.
func reply(c conn, r response) error { return cut(c.writeFrame(r, maxResponseBytes)) }

func cut(err error) error {
	if err != nil {
		return streamError{err}
	}
	return nil
}
