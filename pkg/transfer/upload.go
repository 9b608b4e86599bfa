package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/edgematrix/emc/pkg/job"
)

// parallel is the number of blobs in transfer at once: it hides the round trip of small ones, and stays below the
// server's limit for a peer.
const parallel = 4

// Upload offers the specification and sends every blob that the worker wants, until it wants nothing more. It resumes
// where the worker stands, also after a broken connection or a restart of the worker. progress may be nil.
func (c *Client) Upload(ctx context.Context, spec []byte, salt job.Salt, sources []Source, progress Progress) error {
	have := make(map[string]Source, len(sources))
	for _, s := range sources {
		have[s.SHA256] = s
	}
	return c.retry(ctx, func(moved func()) error {
		for {
			wants, err := c.offer(ctx, spec, salt)
			if err != nil || len(wants) == 0 {
				return err
			}
			t, err := planUpload(wants, have, progress)
			if err != nil {
				return localError{err}
			}
			t.moved = moved
			if err := c.sendAll(ctx, wants, have, t); err != nil {
				return err
			}
		}
	})
}

func planUpload(wants []Want, have map[string]Source, progress Progress) (*tally, error) {
	t := &tally{tell: progress}
	for _, w := range wants {
		s, ok := have[w.SHA256]
		switch {
		case !ok:
			return nil, fmt.Errorf("the worker wants the blob %s, which is none of the files at hand: if it is the app, give its file", printable(w.SHA256))
		case w.Size >= 0 && w.Size != s.Size:
			return nil, fmt.Errorf("the worker wants %d bytes of the blob %s, the file has %d", w.Size, s.SHA256, s.Size)
		case w.Offset < 0 || w.Offset > s.Size:
			return nil, fmt.Errorf("the worker says that it has %d of the %d bytes of %s", w.Offset, s.Size, s.SHA256)
		}
		t.total += s.Size
		t.done += w.Offset
	}
	t.add(0)
	return t, nil
}

func (c *Client) sendAll(ctx context.Context, wants []Want, have map[string]Source, t *tally) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for _, w := range wants {
		g.Go(func() error {
			if gctx.Err() != nil {
				return gctx.Err()
			}
			return c.put(gctx, have[w.SHA256], w.Offset, t)
		})
	}
	return g.Wait()
}

func (c *Client) put(ctx context.Context, s Source, offset int64, t *tally) error {
	r, err := s.Open()
	if err != nil {
		return localError{err}
	}
	defer r.Close()
	if _, err := r.Seek(offset, io.SeekStart); err != nil {
		return localError{err}
	}
	req := request{Verb: verbPut, SHA256: s.SHA256, Size: s.Size, Offset: offset}
	err = c.exchange(ctx, req, func(cn conn) error { return cn.putBody(io.TeeReader(r, t), s.Size-offset, s.Size) })
	// A worker that kept broken bytes has deleted them now: only a mismatch of what came in one piece is final.
	if CodeOf(err) == CodeMismatch && offset > 0 {
		return Errorf(CodeConflict, "what the worker had kept of %s was damaged", s.SHA256)
	}
	return err
}

// hashRate is the slowest disk, in bytes a second, that a worker is given time for to verify a blob after its last byte.
const hashRate = 16 << 20

// putBody sends while it waits for the answer, because a worker that refuses stops reading, and a blocked write would
// learn of that only from its deadline.
func (c conn) putBody(r io.Reader, n, whole int64) error {
	type answer struct {
		r   response
		err error
	}
	if err := c.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	answered := make(chan answer, 1)
	go func() {
		resp, err := conn{Stream: c.Stream}.answer()
		if err != nil {
			_ = c.SetWriteDeadline(time.Now()) // frees the write below
		}
		answered <- answer{resp, err}
	}()
	sent := c.send(r, n)
	if errors.As(sent, new(errRead)) {
		_ = c.Reset()
		<-answered
		return localError{fmt.Errorf("a file changed, or cannot be read: %w", sent)}
	}
	patience := time.Second // for an answer that is the reason of the failed write
	if sent == nil {
		patience = c.idle + time.Duration(whole/hashRate)*time.Second
	}
	_ = c.SetReadDeadline(time.Now().Add(patience))
	a := <-answered
	if sent != nil && CodeOf(a.err) == "" {
		return sent
	}
	return a.err
}
