package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sync/errgroup"

	"github.com/edgematrix/emc/pkg/job"
)

// Download fetches the outputs of a result into dir, which is made if need be, and verifies size and digest of each. It
// resumes what an earlier call left, refuses paths that leave dir and files that exist with other content, and shows a
// file under its name only when it is whole. The result must have been verified. progress may be nil.
func (c *Client) Download(ctx context.Context, dir string, result job.Result, progress Progress) error {
	if err := result.Validate(); err != nil {
		return fmt.Errorf("the worker's result cannot be used: %w", err)
	}
	d, err := openOutputDir(dir)
	if err != nil {
		return err
	}
	defer d.close()
	missing, err := d.missing(result.Outputs)
	if err != nil {
		return err
	}
	t := &tally{total: result.OutputBytes(), tell: progress}
	t.done = t.total
	for _, f := range missing {
		t.done -= f.Size
	}
	t.add(0)
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for _, f := range missing {
		g.Go(func() error {
			if gctx.Err() != nil {
				return gctx.Err()
			}
			return c.fetch(gctx, d, f, t)
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return d.finish()
}

// fetch brings one file. The tally is set back by what turned out to be damaged.
func (c *Client) fetch(ctx context.Context, d *outputDir, f job.File, t *tally) error {
	p, err := d.open(f)
	if err != nil {
		return err
	}
	defer p.Close()
	t.add(p.have)
	resumed := p.have > 0
	for {
		if err := c.fill(ctx, p, t); err != nil {
			return err
		}
		bad, err := p.verify()
		if err != nil {
			return err
		}
		if bad == "" {
			return p.publish()
		}
		if err := p.restart(); err != nil {
			return err
		}
		t.add(-f.Size)
		if !resumed {
			return Errorf(CodeMismatch, "output %q: expected sha256 %s, got %s", f.Path, f.SHA256, bad)
		}
		resumed = false // what an earlier call left was damaged: once more, from the start
	}
}

// fill gets bytes until the partial file has its whole size.
func (c *Client) fill(ctx context.Context, p *partial, t *tally) error {
	return c.retry(ctx, func(moved func()) error {
		if p.have == p.file.Size {
			return nil
		}
		req := request{Verb: verbGet, SHA256: p.file.SHA256, Offset: p.have}
		return c.exchange(ctx, req, func(cn conn) error {
			r, err := cn.answer()
			if err != nil {
				return err
			}
			if r.Size != p.file.Size {
				return Errorf(CodeMismatch, "output %q: expected %d bytes, the worker has %d", p.file.Path, p.file.Size, r.Size)
			}
			err = cn.receive(io.MultiWriter(p, t, movedWriter(moved)), p.file.Size-p.have)
			if err != nil && !errors.As(err, new(errRead)) {
				return localError{fmt.Errorf("output %q cannot be written: %w: free space, then fetch again", p.file.Path, err)}
			}
			return err
		})
	})
}

type movedWriter func()

func (m movedWriter) Write(p []byte) (int, error) {
	m()
	return len(p), nil
}
