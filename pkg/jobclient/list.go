package jobclient

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"time"

	"cosmossdk.io/math"

	"github.com/edgematrix/emc/pkg/transfer"
	"github.com/edgematrix/emc/x/compute/types"
)

// Row is one job of a list.
type Row struct {
	Job        string    `json:"job"`
	Status     string    `json:"status"`
	App        string    `json:"app"`
	Node       string    `json:"node"`
	Submitted  time.Time `json:"submitted"`
	Price      math.Int  `json:"price_uemc"` // paid or owed to the node
	PriceWords string    `json:"-"`
	// OnChain and Here say where the job is known: in the state, and by a folder on this machine.
	OnChain bool   `json:"on_chain"`
	Here    bool   `json:"here"`
	Note    string `json:"note"`
}

// List returns the jobs of a customer, or, with "", of all customers with a folder on this machine; oldest first.
func (c *Client) List(ctx context.Context, customer string) ([]Row, error) {
	records, problems := c.Store.List()
	for _, p := range problems {
		c.Console.Say("A folder cannot be read and is left out: %v", p)
	}
	customers := map[string]bool{}
	if customer != "" {
		customers[customer] = true
	}
	for _, r := range records {
		if customer == "" && r.ChainID == c.Chain.ChainID() {
			customers[r.Customer] = true
		}
	}
	rows := map[string]Row{}
	for who := range customers {
		if err := c.Adopt(ctx, who); err != nil {
			return nil, err
		}
		jobs, err := c.Chain.CustomerJobs(ctx, who)
		if err != nil {
			return nil, err
		}
		for _, j := range jobs {
			rows[j.Id] = rowOf(j)
		}
	}
	if records, _ = c.Store.List(); len(records) > 0 {
		for _, r := range records {
			if r.ChainID == c.Chain.ChainID() && customers[r.Customer] {
				addRecord(rows, r)
			}
		}
	}
	out := make([]Row, 0, len(rows))
	for _, r := range rows {
		r.PriceWords = people(r.Price)
		out = append(out, r)
	}
	sort.Slice(out, func(i, k int) bool {
		if !out[i].Submitted.Equal(out[k].Submitted) {
			return out[i].Submitted.Before(out[k].Submitted)
		}
		return out[i].Job < out[k].Job
	})
	return out, nil
}

func rowOf(j types.Job) Row {
	return Row{
		Job: j.Id, Status: types.StatusWord(j.Status), App: j.App, Node: j.Node, Submitted: time.Unix(j.SubmittedAt, 0).UTC(),
		Price: j.Paid.Amount, OnChain: true, Note: "submitted from another machine or home",
	}
}

func addRecord(rows map[string]Row, r *Record) {
	if r.ID == "" {
		rows[r.PublicKey] = Row{
			Job: "(no id)", Status: "unknown", App: r.App, Submitted: r.CreatedAt, Price: math.ZeroInt(), Here: true,
			Note: "not on the chain: transaction " + r.SubmitTx + " was not seen in a block",
		}
		return
	}
	row, known := rows[r.ID]
	if !known {
		row = Row{Job: r.ID, Status: r.Status, App: r.App, Node: r.Node, Submitted: r.CreatedAt, Price: r.Price, Note: "has left the chain"}
	} else {
		row.Note = ""
	}
	row.Here = true
	if r.Fetched {
		row.Note = "outputs fetched"
	}
	rows[r.ID] = row
}

// JobStatus is all that can be said about a job.
type JobStatus struct {
	ID string
	// Job as the chain knows it; nil when it has left the state.
	Job *types.Job
	// Worker is what the node says; nil when it was not asked or did not answer, for the reason in WorkerError.
	Worker      *transfer.Status
	WorkerError string
	// Local is what this machine knows; nil without a folder here.
	Local *Summary
}

// Status asks chain and worker about a job, by its id or, for a job of this machine, the beginning of it.
func (c *Client) Status(ctx context.Context, id string) (JobStatus, error) {
	rec, err := c.Store.Load(id)
	if err != nil {
		if !errors.Is(err, ErrUnknownJob) || types.ValidateJobID(id) != nil {
			return JobStatus{}, err
		}
		j, chainErr := c.Chain.Job(ctx, id)
		if chainErr != nil {
			return JobStatus{}, chainErr
		}
		return JobStatus{ID: id, Job: &j, WorkerError: "not asked: " + ErrUnknownJob.Error()}, nil
	}
	s := JobStatus{ID: rec.ID}
	j, err := c.job(ctx, rec)
	switch {
	case err == nil:
		s.Job = &j
	case !errors.Is(err, ErrNotFound):
		return s, err
	}
	local := c.Summarize(rec)
	s.Local = &local
	if rec.Node == "" {
		s.WorkerError = "not asked: its address is not known"
		return s, nil
	}
	err = c.insist(ctx, rec, attempt{
		node: rec.Node, until: c.Now(), quiet: time.Hour, final: func(error) bool { return true },
		act: func(ctx context.Context, w *transfer.Client) error {
			answer, err := w.Status(ctx)
			if err == nil {
				s.Worker = &answer
			}
			return err
		},
	})
	if err != nil {
		s.WorkerError = workerWords(err)
	}
	return s, ctx.Err()
}

// Lines are the status for a person.
func (s JobStatus) Lines() []string {
	var out []string
	say := func(name, format string, args ...any) {
		out = append(out, fmt.Sprintf("%-10s ", name)+fmt.Sprintf(format, args...))
	}
	say("Job", "%s", s.ID)
	switch j := s.Job; {
	case j != nil:
		chainLines(*j, say)
	case s.Local != nil:
		say("Chain", "has no record of it any more; it was %s when last seen", s.Local.Status)
		say("Node", "%s", s.Local.Node)
	}
	switch {
	case s.Worker != nil && s.Worker.Message != "":
		say("Worker", "%s: %s; %s of log", s.Worker.Phase, s.Worker.Message, bytesWord(s.Worker.LogBytes))
	case s.Worker != nil:
		say("Worker", "%s; %s of log", s.Worker.Phase, bytesWord(s.Worker.LogBytes))
	case s.WorkerError != "":
		say("Worker", "%s", s.WorkerError)
	}
	if s.Local != nil && s.Local.Verified {
		say("Outputs", "fetched and verified")
	}
	return out
}

func chainLines(j types.Job, say func(name, format string, args ...any)) {
	say("Status", "%s%s", types.StatusWord(j.Status), nextWords(j))
	if j.Reason != "" {
		say("Because", "%s", j.Reason)
	}
	say("App", "%s (%s)", j.App, j.Runtime)
	say("Node", "%s", j.Node)
	say("Submitted", "%s", time.Unix(j.SubmittedAt, 0).Format(time.DateTime))
	if j.StartedAt > 0 {
		say("Started", "%s", time.Unix(j.StartedAt, 0).Format(time.DateTime))
	}
	if j.Receipt != nil {
		end := runEnd(j)
		if end == "" {
			end = "the program ended by itself, exit code 0"
		}
		say("Ended", "%s: %s, after %.1f s", time.Unix(j.FinishedAt, 0).Format(time.DateTime), end, float64(j.Receipt.Usage.WallMilliseconds)/1000)
	}
	switch {
	case j.Closed():
		say("Price", "%s paid, %s came back", people(j.Paid.Amount), people(j.Refunded.Amount))
	case j.Status == types.JOB_STATUS_FINISHED:
		say("Price", "%s owed of the %s that it holds", people(j.Paid.Amount), people(j.MaxPrice.Amount))
	default:
		say("Price", "at most %s, which it holds", people(j.MaxPrice.Amount))
	}
}

// nextWords says what the chain does by itself, and when.
func nextWords(j types.Job) string {
	switch j.Status {
	case types.JOB_STATUS_SCHEDULED, types.JOB_STATUS_READY:
		return fmt.Sprintf(": the node has until %s, then another one gets it", at(j.Deadline))
	case types.JOB_STATUS_WAITING:
		return fmt.Sprintf(" for its inputs until %s, then it expires", at(j.Deadline))
	case types.JOB_STATUS_RUNNING:
		return fmt.Sprintf(": its receipt is due by %s, or you get everything back", at(j.Deadline))
	case types.JOB_STATUS_FINISHED:
		return fmt.Sprintf(": the node is paid when you accept, or at %s", at(j.Deadline))
	default:
		return ""
	}
}
