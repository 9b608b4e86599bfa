package transfer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

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
	p.tally = t
	p.count(p.have)
	resumed := p.have > 0
	for {
		if err := c.fill(ctx, p); err != nil {
			return err
		}
		bad, err := c.verify(p)
		if err != nil {
			return err
		}
		if bad == "" {
			p.count(f.Size) // an age file has more bytes than that, never fewer
			return p.publish()
		}
		if err := p.restart(); err != nil {
			return err
		}
		if !resumed {
			return Errorf(CodeMismatch, "output %q: %s", f.Path, bad)
		}
		resumed = false // what an earlier call left was damaged: once more, from the start
	}
}

// verify says what is wrong with a whole partial file. An age file is decrypted beside it.
func (c *Client) verify(p *partial) (bad string, err error) {
	if _, err := p.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	var sum string
	if p.sealed {
		sum, bad, err = c.open(p)
	} else {
		sum, err = hashOf(p.File)
	}
	if err == nil && bad == "" && sum != p.file.SHA256 {
		bad = fmt.Sprintf("expected sha256 %s, got %s", p.file.SHA256, sum)
	}
	return bad, err
}

// open decrypts an output, and returns the digest of its plaintext.
func (c *Client) open(p *partial) (sum, bad string, err error) {
	out, err := p.dir.root.OpenFile(p.plain(), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return "", "", err
	}
	h := sha256.New()
	r, err := c.unseal(p.File)
	if err == nil {
		n := int64(0)
		_, err = io.Copy(io.MultiWriter(h, local{out, fmt.Sprintf("output %q", p.file.Path), &n}), r)
	}
	if err == nil {
		err = out.Sync()
	}
	closed := out.Close()
	switch {
	case errors.As(err, new(localError)):
		return "", "", fmt.Errorf("%w: free space, then fetch again", err)
	case err != nil:
		return "", fmt.Sprintf("it cannot be decrypted with this job's key: %v", err), closed
	default:
		return hex.EncodeToString(h.Sum(nil)), "", closed
	}
}

// fill gets bytes until the partial file has its whole size.
func (c *Client) fill(ctx context.Context, p *partial) error {
	return c.retry(ctx, func(moved func()) error {
		if p.have == p.size {
			return nil
		}
		req := request{Verb: verbGet, SHA256: p.file.SHA256, Offset: p.have}
		err := c.exchange(ctx, req, func(cn conn) error {
			r, err := cn.answer()
			if err != nil {
				return err
			}
			if err := p.expect(r.Size, r.Sealed); err != nil {
				return err
			}
			err = cn.receive(io.MultiWriter(p, movedWriter(moved)), p.size-p.have)
			if err != nil && !errors.As(err, new(errRead)) {
				return localError{fmt.Errorf("output %q cannot be written: %w: free space, then fetch again", p.file.Path, err)}
			}
			return err
		})
		if CodeOf(err) == CodeInvalid && p.have > 0 { // what an earlier call left is longer than what the worker has
			err = p.again()
		}
		return err
	})
}

type movedWriter func()

func (m movedWriter) Write(p []byte) (int, error) {
	m()
	return len(p), nil
}
