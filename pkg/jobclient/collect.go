package jobclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/edgematrix/emc/pkg/job"
	"github.com/edgematrix/emc/pkg/transfer"
)

// ErrUnverified says that what a worker handed out is not what its receipt on the chain names.
var ErrUnverified = errors.New("the result does not match the receipt on the chain")

// collect fetches result, log and outputs, and verifies each against the receipt. The outputs get their names in dir only
// after all of it has been verified. What has not been shown of the log goes to log. On ErrUnverified, what was fetched lies in .unverified inside dir.
func (c *Client) collect(ctx context.Context, rec *Record, dir string, log io.Writer, until time.Time) (job.Result, error) {
	if rec.Receipt == nil {
		return job.Result{}, fmt.Errorf("job %s has no receipt: there is no result to fetch", rec.ID)
	}
	place, err := openPlace(dir)
	if err != nil {
		return job.Result{}, err
	}
	data, salt, err := c.fetchResult(ctx, rec, until)
	if err != nil {
		return job.Result{}, err
	}
	result, err := rec.verify(data, salt)
	if err != nil {
		return result, c.quarantine(ctx, rec, place, data, salt, err)
	}
	if err := c.verifyLog(ctx, rec, log, until); err != nil {
		if errors.Is(err, ErrUnverified) {
			return result, c.quarantine(ctx, rec, place, data, salt, err)
		}
		return result, err
	}
	missing, err := place.missing(result.Outputs)
	if err != nil {
		return result, err
	}
	if err := c.download(ctx, rec, place, withOutputs(result, missing), until); err != nil {
		if transfer.CodeOf(err) == transfer.CodeMismatch {
			return result, c.quarantine(ctx, rec, place, data, salt, fmt.Errorf("%w: %w", ErrUnverified, err))
		}
		return result, err
	}
	return result, place.publish(missing)
}

func withOutputs(r job.Result, files []job.File) job.Result {
	r.Outputs = files
	return r
}

// fetchResult gets the worker's result, which nobody has verified yet.
func (c *Client) fetchResult(ctx context.Context, rec *Record, until time.Time) (data []byte, salt job.Salt, err error) {
	err = c.insist(ctx, rec, attempt{
		node: rec.Node, until: until, quiet: c.Quiet, then: waiting("the result", until), final: finalForResult,
		act: func(ctx context.Context, w *transfer.Client) error {
			data, salt, err = w.Result(ctx)
			return err
		},
	})
	if err != nil {
		return nil, job.Salt{}, fmt.Errorf("the result cannot be fetched: %w", err)
	}
	return data, salt, nil
}

func waiting(what string, until time.Time) string {
	return fmt.Sprintf("%s is waited for until %s", what, until.Format("15:04:05"))
}

// finalForResult: a worker that has just been restarted may answer "unknown" or "not ready" for a while.
func finalForResult(err error) bool {
	switch transfer.CodeOf(err) {
	case transfer.CodeForbidden, transfer.CodeGone, transfer.CodeMismatch, transfer.CodeTooLarge, transfer.CodeInvalid:
		return true
	default:
		return false
	}
}

// verify checks a result against the receipt: the salted digest, and that the receipt says the same about how the run
// ended. Without the latter a worker could be paid for an "exited with 0" that its own result denies.
func (r *Record) verify(data []byte, salt job.Salt) (job.Result, error) {
	result, err := job.VerifyResult(data, salt, r.Receipt.ResultDigest)
	switch {
	case err != nil:
		return result, fmt.Errorf("%w: %w", ErrUnverified, err)
	case result.JobID != r.ID || result.ChainID != r.ChainID:
		return result, fmt.Errorf("%w: it is the result of job %s of chain %s", ErrUnverified, result.JobID, result.ChainID)
	case result.Reason == job.ReasonExited && (r.Receipt.Reason != job.ReasonExited || result.ExitCode != int64(r.Receipt.ExitCode)),
		result.Reason != job.ReasonExited && r.Receipt.Reason == job.ReasonExited:
		return result, fmt.Errorf("%w: the receipt says %q with exit code %d, the result %q with %d", ErrUnverified,
			r.Receipt.Reason, r.Receipt.ExitCode, result.Reason, result.ExitCode)
	case result.LogSHA256 != r.Receipt.LogDigest.String():
		return result, fmt.Errorf("%w: the receipt names the log %s, the result %s", ErrUnverified, r.Receipt.LogDigest, result.LogSHA256)
	}
	return result, nil
}

// verifyLog brings the whole log here and checks it. A copy that an interrupted run left damaged is fetched once more.
func (c *Client) verifyLog(ctx context.Context, rec *Record, log io.Writer, until time.Time) error {
	for fresh := false; ; fresh = true {
		digest, err := c.copyLog(ctx, rec, rec.Node, false, log, until)
		if transfer.CodeOf(err) == transfer.CodeMismatch {
			return fmt.Errorf("%w: %w", ErrUnverified, err)
		}
		if err != nil {
			return fmt.Errorf("the log cannot be fetched: %w", err)
		}
		if digest == rec.Receipt.LogDigest {
			return nil
		}
		if fresh {
			return fmt.Errorf("%w: the receipt names the log %s, the log here is %s", ErrUnverified, rec.Receipt.LogDigest, digest)
		}
		if err := os.Truncate(c.Store.path(rec, logFile), 0); err != nil {
			return err
		}
	}
}

func (c *Client) download(ctx context.Context, rec *Record, p *place, result job.Result, until time.Time) error {
	tell, done := c.Console.Progress("Downloading")
	defer done()
	if len(result.Outputs) == 0 {
		return nil
	}
	err := c.insist(ctx, rec, attempt{
		node: rec.Node, until: until, then: waiting("the rest", until), final: finalForResult,
		act: func(ctx context.Context, w *transfer.Client) error { return w.Download(ctx, p.staging(), result, tell) },
	})
	if err != nil {
		return fmt.Errorf("the outputs cannot be fetched: %w", err)
	}
	return nil
}

// quarantine keeps what a worker handed out that is not what it was paid for, and says where.
func (c *Client) quarantine(ctx context.Context, rec *Record, p *place, data []byte, salt job.Salt, cause error) error {
	if err := os.MkdirAll(p.staging(), 0o755); err != nil {
		return errors.Join(cause, err)
	}
	keep := func(name string, content []byte) error {
		return os.WriteFile(filepath.Join(p.staging(), name), content, 0o600)
	}
	problems := errors.Join(keep("emc-result.json", data), keep("emc-result.salt", []byte(salt.String()+"\n")))
	if log, err := os.ReadFile(c.Store.path(rec, logFile)); err == nil {
		problems = errors.Join(problems, keep("emc-log.txt", log))
	}
	// Whatever the outputs are, they may be of use to the customer, or as evidence.
	if result, err := job.UnmarshalResult(data); err == nil {
		_ = c.download(ctx, rec, p, result, c.Now().Add(c.Patience)) // it may be the download that failed
	}
	return errors.Join(cause, problems)
}
