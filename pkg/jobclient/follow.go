package jobclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/edgematrix/emc/pkg/job"
	"github.com/edgematrix/emc/pkg/transfer"
	"github.com/edgematrix/emc/x/compute/types"
)

// follow shows the log while the job runs, until the chain has the receipt, or has given the job to another node.
func (c *Client) follow(ctx context.Context, rec *Record, j types.Job) (types.Job, error) {
	announce := func(now types.Job) {
		if now.Status == types.JOB_STATUS_RUNNING {
			c.Console.Say("Running since %s, at most until %s.", at(now.StartedAt), at(now.StartedAt+int64(now.MaxSeconds)))
		}
	}
	announce(j)
	return c.during(ctx, rec, j, stage{
		stays: func(now types.Job) bool {
			return now.Node == j.Node && (now.Status == types.JOB_STATUS_READY || now.Status == types.JOB_STATUS_RUNNING)
		},
		changed: announce,
		work: func(ctx context.Context) error {
			_, err := c.copyLog(ctx, rec, j.Node, true, c.Console.logWriter(), time.Time{})
			return err
		},
		linger: func(now types.Job) time.Duration {
			if now.Receipt != nil {
				return c.Linger
			}
			return 0
		},
	})
}

// unshown passes on what has not been shown to the person yet. A log is read from its beginning more than once: when
// following, and again when its digest is checked.
type unshown struct {
	w     io.Writer
	shown *int64
	pos   int64
}

// Write implements io.Writer.
func (u *unshown) Write(p []byte) (int, error) {
	from := min(max(*u.shown-u.pos, 0), int64(len(p)))
	u.pos += int64(len(p))
	if from == int64(len(p)) {
		return len(p), nil
	}
	*u.shown = u.pos
	if _, err := u.w.Write(p[from:]); err != nil {
		return 0, err
	}
	return len(p), nil
}

// copyLog brings the log to this machine, into the job's folder, and shows on w what this program has not shown yet: of
// what is here already, and then of what comes. With follow it stays until the log is complete. It returns the digest of
// the log as it is here.
func (c *Client) copyLog(ctx context.Context, rec *Record, node string, follow bool, w io.Writer, until time.Time) (job.Digest, error) {
	f, err := os.OpenFile(c.Store.path(rec, logFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return job.Digest{}, err
	}
	defer f.Close()
	var cut error
	err = c.update(rec, func(r *Record) bool {
		if r.LogNode == node {
			return false
		}
		r.LogNode = node
		c.shown[r.ID] = new(int64)
		cut = f.Truncate(0) // what another node wrote is no part of this run's log
		return true
	})
	if err = errors.Join(err, cut); err != nil {
		return job.Digest{}, err
	}
	show := &unshown{w: w, shown: c.shownOf(rec)}
	offset, err := io.Copy(show, f)
	if err != nil {
		return job.Digest{}, err
	}
	err = c.insist(ctx, rec, attempt{
		node: node, until: until, quiet: c.Quiet,
		then: "the job goes on meanwhile, and its log is kept there",
		final: func(err error) bool {
			switch transfer.CodeOf(err) {
			case transfer.CodeForbidden, transfer.CodeGone, transfer.CodeMismatch:
				return true
			default:
				return false
			}
		},
		act: func(ctx context.Context, client *transfer.Client) error {
			end, err := client.Logs(ctx, offset, follow, io.MultiWriter(f, show))
			offset = end.Offset
			return err
		},
	})
	if err != nil {
		return job.Digest{}, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return job.Digest{}, err
	}
	return job.LogDigest(f)
}

// Logs shows a job's log, with follow until it is complete. When the worker cannot be reached any more, the copy on this
// machine is shown.
func (c *Client) Logs(ctx context.Context, rec *Record, follow bool) error {
	if _, err := c.job(ctx, rec); err != nil && !errors.Is(err, ErrNotFound) {
		c.Console.Say("The chain does not answer (%v); asking the node where the job was last.", err)
	}
	if rec.Node == "" {
		return fmt.Errorf("job %s: no node is known for it yet", rec.ID)
	}
	_, err := c.copyLog(ctx, rec, rec.Node, follow, c.Console.logWriter(), c.Now().Add(c.Patience))
	if err == nil || ctx.Err() != nil {
		return err
	}
	if info, statErr := os.Stat(c.Store.path(rec, logFile)); errors.Is(statErr, fs.ErrNotExist) || (statErr == nil && info.Size() == 0) {
		return fmt.Errorf("%w; this machine has no copy of the log", err)
	}
	c.Console.Say("This is the copy on this machine; the node's own could not be read: %s.", workerWords(err))
	return nil
}
