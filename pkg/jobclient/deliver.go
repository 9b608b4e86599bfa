package jobclient

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/edgematrix/emc/pkg/job"
	"github.com/edgematrix/emc/pkg/transfer"
	"github.com/edgematrix/emc/x/compute/types"
)

// deliver hands specification and inputs to the node that the job is on, until the chain says that it has them, or that
// the job is on another node or over.
func (c *Client) deliver(ctx context.Context, rec *Record, j types.Job) (types.Job, error) {
	return c.during(ctx, rec, j, stage{
		stays:  func(now types.Job) bool { return now.Node == j.Node && awaitsInputs(now) },
		work:   func(ctx context.Context) error { return c.upload(ctx, rec, j) },
		linger: func(types.Job) time.Duration { return 0 },
	})
}

func awaitsInputs(j types.Job) bool {
	return j.Status == types.JOB_STATUS_SCHEDULED || j.Status == types.JOB_STATUS_WAITING
}

func (c *Client) upload(ctx context.Context, rec *Record, j types.Job) error {
	sources, err := rec.sources()
	if err != nil {
		return err
	}
	then := fmt.Sprintf("at %s the chain passes the job to another node", at(j.Deadline))
	if j.Status == types.JOB_STATUS_WAITING {
		then = fmt.Sprintf("the inputs must be there by %s, or the job expires and costs the reservation fee", at(j.Deadline))
	}
	tell, done := c.Console.Progress("Uploading")
	defer done()
	return c.insist(ctx, rec, attempt{
		node: j.Node, then: then, quiet: c.Quiet,
		// Whatever a node answers, the chain ends its turn at the deadline and gives the job to another.
		final: func(error) bool { return false },
		act: func(ctx context.Context, w *transfer.Client) error {
			if err := checkWants(ctx, w, rec, sources); err != nil {
				return err
			}
			if err := w.Upload(ctx, []byte(rec.Spec), rec.Salt, sources, tell); err != nil {
				return changedFile(rec, err)
			}
			done()
			c.Console.Say("Node %s has the specification and all inputs (%s).", j.Node, bytesWord(rec.inputBytes()))
			return c.update(rec, func(r *Record) bool { r.Uploaded = true; return true })
		},
	})
}

// checkWants asks first what the worker lacks, so that an artifact that only the customer can supply is named in words.
func checkWants(ctx context.Context, w *transfer.Client, rec *Record, sources []transfer.Source) error {
	wants, err := w.Offer(ctx, []byte(rec.Spec), rec.Salt)
	if err != nil {
		return err
	}
	spec, err := job.UnmarshalSpec([]byte(rec.Spec))
	if err != nil {
		return &localError{err}
	}
	have := map[string]bool{}
	for _, s := range sources {
		have[s.SHA256] = true
	}
	for _, want := range wants {
		if want.SHA256 == spec.AppDigest && !have[want.SHA256] {
			return &localError{fmt.Errorf("the node does not have the program of app %s (sha256 %s): give its file with --app-file, or cancel the job", rec.App, spec.AppDigest)}
		}
	}
	return nil
}

// sources opens nothing: it only checks that the files are still what was submitted, as far as their size tells.
func (r *Record) sources() ([]transfer.Source, error) {
	var out []transfer.Source
	for _, f := range r.Files {
		info, err := os.Stat(f.Path)
		if err != nil {
			return nil, &localError{fmt.Errorf("an input cannot be read any more: %w", err)}
		}
		if !info.Mode().IsRegular() || info.Size() != f.Size {
			return nil, &localError{fmt.Errorf("%s has changed since the job was submitted: put the old file back, or cancel the job", f.Path)}
		}
		path := f.Path
		out = append(out, transfer.Source{SHA256: f.SHA256, Size: f.Size, Open: func() (io.ReadSeekCloser, error) { return os.Open(path) }})
	}
	return out, nil
}

// changedFile finds out whether a worker refused bytes because the file here is not what was submitted.
func changedFile(r *Record, err error) error {
	if transfer.CodeOf(err) != transfer.CodeMismatch {
		return err
	}
	for _, f := range r.Files {
		now, hashErr := localFile(f.Path)
		if hashErr == nil && now.SHA256 != f.SHA256 {
			return &localError{fmt.Errorf("%s has changed since the job was submitted: put the old file back, or cancel the job", f.Path)}
		}
	}
	return err
}

func (r *Record) inputBytes() int64 {
	spec, err := job.UnmarshalSpec([]byte(r.Spec))
	if err != nil {
		return 0
	}
	return spec.InputBytes()
}

// AddAppFile adds the app's artifact to what this machine can hand over, for a node that turned out to lack it.
func (c *Client) AddAppFile(rec *Record, path string) error {
	spec, err := job.UnmarshalSpec([]byte(rec.Spec))
	if err != nil {
		return err
	}
	f, err := localFile(path)
	if err != nil {
		return fmt.Errorf("--app-file: %w", err)
	}
	if f.SHA256 != spec.AppDigest {
		return fmt.Errorf("--app-file %s has the digest %s, the job's app has %s: give the registered file", path, f.SHA256, spec.AppDigest)
	}
	return c.update(rec, func(r *Record) bool { r.Files = append(r.Files, f); return true })
}
