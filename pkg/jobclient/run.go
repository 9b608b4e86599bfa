package jobclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/edgematrix/emc/pkg/job"
	"github.com/edgematrix/emc/x/compute/types"
)

// Errors that end a job's way on this machine; see ExitCode.
var (
	// ErrProgram: the program failed. Its outputs have been fetched.
	ErrProgram = errors.New("the job's program failed")
	// ErrNoResult: the job ended without a result.
	ErrNoResult = errors.New("the job ended without a result")
	// ErrLeft: the customer went away; the job goes on.
	ErrLeft = errors.New("left: the job goes on without you")
)

// ExitCode is the exit status of a command that ends with err: 0 success, 3 the program failed, 4 the job ended without a
// result, 5 the result is not what the receipt names, 130 interrupted, 1 everything else.
func ExitCode(err error) int {
	switch {
	case err == nil:
		return 0
	case errors.Is(err, ErrProgram):
		return 3
	case errors.Is(err, ErrNoResult):
		return 4
	case errors.Is(err, ErrUnverified):
		return 5
	case errors.Is(err, ErrLeft):
		return 130
	default:
		return 1
	}
}

// Options of a run.
type Options struct {
	// Confirm is asked after the quote and before anything is signed; nil goes on.
	Confirm Confirm
	// NoAccept leaves the acceptance to the customer: the node is paid when the acceptance window ends.
	NoAccept bool
	// OutputDir overrides the one of the request.
	OutputDir string
}

// Run submits a job and goes with it to its end. The summary is what is known, also when there is an error.
func (c *Client) Run(ctx context.Context, r Request, o Options) (Summary, error) {
	rec, _, err := c.place(ctx, r, o.Confirm)
	if err != nil {
		return Summary{}, err
	}
	return c.Attach(ctx, rec, o)
}

// Submit submits a job and stays until a node has its inputs.
func (c *Client) Submit(ctx context.Context, r Request, o Options) (Summary, error) {
	rec, j, err := c.place(ctx, r, o.Confirm)
	if err != nil {
		return Summary{}, err
	}
	for err == nil && awaitsInputs(j) {
		j, err = c.deliver(ctx, rec, j)
	}
	switch {
	case ctx.Err() != nil:
		err = c.leave(rec)
	case err == nil && j.Closed() && j.Status != types.JOB_STATUS_COMPLETED:
		err = c.ended(rec, j)
	case err == nil:
		c.Console.Say("Follow it with `emcd job attach %s`.", short(rec.ID))
	default:
		err = fmt.Errorf("%w\nGo on with `emcd job attach %s`, or give it up with `emcd job cancel %s`", err, short(rec.ID), short(rec.ID))
	}
	return c.Summarize(rec), err
}

// Attach goes with a job from wherever it is to its end.
func (c *Client) Attach(ctx context.Context, rec *Record, o Options) (Summary, error) {
	defer c.hold(rec)()
	j, err := c.job(ctx, rec)
	tried := len(j.TriedNodes)
	for err == nil {
		if len(j.TriedNodes) > tried && !j.Closed() {
			c.Console.Say("The job is on node %s now: %s.", j.Node, j.Reason)
		}
		tried = len(j.TriedNodes)
		switch {
		case awaitsInputs(j):
			j, err = c.deliver(ctx, rec, j)
			continue
		case j.Status == types.JOB_STATUS_READY || j.Status == types.JOB_STATUS_RUNNING:
			j, err = c.follow(ctx, rec, j)
			continue
		case j.Status == types.JOB_STATUS_FINISHED || j.Status == types.JOB_STATUS_COMPLETED:
			return c.finish(ctx, rec, j, o)
		}
		return c.Summarize(rec), c.ended(rec, j)
	}
	if ctx.Err() != nil {
		return c.Summarize(rec), c.leave(rec)
	}
	return c.Summarize(rec), fmt.Errorf("%w\nGo on with `emcd job attach %s`, or give the job up with `emcd job cancel %s`", err, short(rec.ID), short(rec.ID))
}

// finish fetches, verifies, accepts, and tells what it cost.
func (c *Client) finish(ctx context.Context, rec *Record, j types.Job, o Options) (Summary, error) {
	until := c.Now().Add(c.Patience)
	if j.Status == types.JOB_STATUS_FINISHED && time.Unix(j.Deadline, 0).After(until) {
		until = time.Unix(j.Deadline, 0)
	}
	summary, err := c.fetch(ctx, rec, o.OutputDir, c.Console.logWriter(), until)
	switch {
	case ctx.Err() != nil:
		return summary, c.leave(rec)
	case errors.Is(err, ErrUnverified):
		c.sayUnverified(rec, j, summary)
		return summary, err
	case err != nil:
		return summary, fmt.Errorf("%w\n%s", err, paidAnyway(j))
	}
	if j.Status == types.JOB_STATUS_FINISHED && o.NoAccept {
		c.Console.Say("Not accepted, as you wished. The chain pays the node at %s; `emcd job attach %s` accepts before.", at(j.Deadline), short(rec.ID))
	} else if j.Status == types.JOB_STATUS_FINISHED {
		if err := c.accept(ctx, rec); err != nil {
			return c.withOutputs(rec, summary), fmt.Errorf("the outputs are here and verified, but not accepted: %w\n%s", err, paidAnyway(j))
		}
	}
	c.sayCost(rec)
	return c.withOutputs(rec, summary), programError(rec)
}

func paidAnyway(j types.Job) string {
	if j.Status != types.JOB_STATUS_FINISHED {
		return fmt.Sprintf("Try again with `emcd job fetch %s`.", short(j.Id))
	}
	return fmt.Sprintf("Try again with `emcd job attach %s`. The chain pays the node at %s in any case.", short(j.Id), at(j.Deadline))
}

// withOutputs is the newest summary with the outputs of an earlier one.
func (c *Client) withOutputs(rec *Record, with Summary) Summary {
	s := c.Summarize(rec)
	s.OutputDir, s.Outputs = with.OutputDir, with.Outputs
	return s
}

// fetch collects into the directory that was wished for, and says what is there.
func (c *Client) fetch(ctx context.Context, rec *Record, wish string, log io.Writer, until time.Time) (Summary, error) {
	dir := wish
	if dir == "" {
		dir = rec.OutputDir
	}
	if dir == "" {
		dir = "emc-job-" + short(rec.ID)
	}
	result, err := c.collect(ctx, rec, dir, log, until)
	s := c.Summarize(rec)
	s.OutputDir = dir
	if errors.Is(err, ErrUnverified) {
		s.OutputDir = filepath.Join(dir, stagingName)
	}
	c.sayEnd(rec)
	if err != nil {
		return s, err
	}
	err = c.update(rec, func(r *Record) bool { r.Fetched = true; return true })
	s.Verified, s.Outputs = true, append([]job.File{}, result.Outputs...)
	c.sayMessage(result)
	c.sayOutputs(dir, result)
	return s, err
}

// Fetch fetches and verifies the outputs of a job that has a receipt. It accepts nothing.
func (c *Client) Fetch(ctx context.Context, rec *Record, dir string) (Summary, error) {
	j, err := c.job(ctx, rec)
	if err != nil && (!errors.Is(err, ErrNotFound) || rec.Receipt == nil) {
		return c.Summarize(rec), err
	}
	if rec.Receipt == nil {
		return c.Summarize(rec), fmt.Errorf("job %s is %s: there is nothing to fetch yet; `emcd job attach %s` stays until there is", rec.ID, rec.Status, short(rec.ID))
	}
	s, err := c.fetch(ctx, rec, dir, io.Discard, c.Now().Add(c.Patience))
	if errors.Is(err, ErrUnverified) {
		c.sayUnverified(rec, j, s)
	}
	return s, err
}

// ended tells of a job that ended without a result to fetch.
func (c *Client) ended(rec *Record, j types.Job) error {
	c.sayCost(rec)
	return fmt.Errorf("%w: it %s: %s", ErrNoResult, statusPhrase(j.Status), j.Reason)
}

func programError(rec *Record) error {
	if rec.Receipt == nil || rec.Receipt.Words == "" {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrProgram, rec.Receipt.Words)
}

// leave says how to come back.
func (c *Client) leave(rec *Record) error {
	id := short(rec.ID)
	c.Console.Say("\nYou leave; job %s goes on.", rec.ID)
	if !rec.Uploaded {
		c.Console.Say("Its inputs are not on a node yet: come back with `emcd job attach %s`, or it expires and costs the reservation fee.", id)
	} else {
		c.Console.Say("Come back with `emcd job attach %s`, read its log with `emcd job logs %s --follow`, fetch its outputs with `emcd job fetch %s`.", id, id, id)
	}
	c.Console.Say("Give it up with `emcd job cancel %s`.", id)
	return ErrLeft
}

// sayUnverified is the one place where a customer can lose money to a worker, so it says exactly how much and why.
func (c *Client) sayUnverified(rec *Record, j types.Job, s Summary) {
	c.Console.Say("\nDO NOT USE THIS RESULT: node %s handed out something else than its receipt on the chain names.", rec.Node)
	c.Console.Say("What was fetched lies in %s, with the worker's result and salt as evidence.", s.OutputDir)
	if j.Status != types.JOB_STATUS_FINISHED {
		return
	}
	c.Console.Say("It was NOT accepted. What you can do: `emcd job attach %s` asks the node again, in case the trouble passes;", short(rec.ID))
	c.Console.Say("submit the job again on another node with --worker. The chain pays this node %s at %s in any case:", people(rec.Price), at(j.Deadline))
	c.Console.Say("until delivery disputes exist, the price of this one job is what you risk, and no more.")
}
