package rig

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Job is what the chain says of a job.
type Job struct {
	ID            string   `json:"id"`
	Customer      string   `json:"customer"`
	App           string   `json:"app"`
	Source        string   `json:"source"`
	Status        string   `json:"status"`
	Node          string   `json:"node"`
	Operator      string   `json:"operator"`
	MaxSeconds    Int      `json:"max_seconds"`
	MaxPrice      Coin     `json:"max_price"`
	SlotHourPrice Coin     `json:"slot_hour_price"`
	TriedNodes    []string `json:"tried_nodes"`
	SubmittedAt   Int      `json:"submitted_at"`
	StartedAt     Int      `json:"started_at"`
	FinishedAt    Int      `json:"finished_at"`
	ClosedAt      Int      `json:"closed_at"`
	Deadline      Int      `json:"deadline"`
	Receipt       *Receipt `json:"receipt"`
	Paid          Coin     `json:"paid"`
	Refunded      Coin     `json:"refunded"`
	Reason        string   `json:"reason"`

	// EscrowAddress and Escrow are where the job's money is, and how much.
	EscrowAddress string `json:"-"`
	Escrow        Coin   `json:"-"`
}

// Receipt is a node's statement about a run.
type Receipt struct {
	Reason       string `json:"reason"`
	ExitCode     int    `json:"exit_code"`
	ResultDigest []byte `json:"result_digest"`
	LogDigest    []byte `json:"log_digest"`
	Usage        struct {
		WallMillis Int `json:"wall_milliseconds"`
		CPUMillis  Int `json:"cpu_milliseconds"`
		PeakMemory Int `json:"peak_memory_bytes"`
		Output     Int `json:"output_bytes"`
	} `json:"usage"`
}

// The states of a job.
const (
	Scheduled = "JOB_STATUS_SCHEDULED"
	Waiting   = "JOB_STATUS_WAITING"
	Ready     = "JOB_STATUS_READY"
	Running   = "JOB_STATUS_RUNNING"
	Finished  = "JOB_STATUS_FINISHED"
	Completed = "JOB_STATUS_COMPLETED"
	Failed    = "JOB_STATUS_FAILED"
	Cancelled = "JOB_STATUS_CANCELLED"
	Expired   = "JOB_STATUS_EXPIRED"
)

// Live reports whether the job holds a slot.
func (j Job) Live() bool {
	return slices.Contains([]string{Scheduled, Waiting, Ready, Running}, j.Status)
}

// Closed reports whether the job's money has been paid out.
func (j Job) Closed() bool {
	return slices.Contains([]string{Completed, Failed, Cancelled, Expired}, j.Status)
}

// Word is a status as people say it.
func (j Job) Word() string { return strings.ToLower(strings.TrimPrefix(j.Status, "JOB_STATUS_")) }

// Node is what the chain says of a node.
type Node struct {
	Address       string   `json:"address"`
	Operator      string   `json:"operator"`
	Endpoints     []string `json:"endpoints"`
	Pubkey        []byte   `json:"pubkey"`
	Accepting     bool     `json:"accepting"`
	Jailed        bool     `json:"jailed"`
	Power         Int      `json:"power"`
	Stake         Int      `json:"stake"`
	Deposit       Int      `json:"deposit"`
	ReservedSlots Int      `json:"reserved_slots"`
	Offer         struct {
		Slots         Int  `json:"slots"`
		SlotHourPrice Coin `json:"slot_hour_price"`
		Isolation     Int  `json:"isolation"`
	} `json:"offer"`
	Reputation struct {
		Completed Int `json:"jobs_completed"`
		Failed    Int `json:"jobs_failed"`
		Missed    Int `json:"starts_missed"`
		NoInputs  Int `json:"inputs_missing"`
		NotThere  Int `json:"probes_failed"`
	} `json:"reputation"`

	Online      bool   `json:"-"`
	Unavailable string `json:"-"`
}

// JobAt asks for a job at a height; 0 is the newest.
func (n *Network) JobAt(ctx context.Context, id string, height int64) (Job, error) {
	var answer struct {
		Job     Job    `json:"job"`
		Address string `json:"escrow_address"`
		Balance Coin   `json:"escrow_balance"`
	}
	_, err := n.Get(ctx, "/emc/compute/v1/jobs/"+id, height, &answer)
	answer.Job.EscrowAddress, answer.Job.Escrow = answer.Address, answer.Balance
	return answer.Job, err
}

// Job asks for a job.
func (n *Network) Job(ctx context.Context, id string) (Job, error) { return n.JobAt(ctx, id, 0) }

// WaitJob waits until the job is in one of the states.
func (n *Network) WaitJob(ctx context.Context, id string, within time.Duration, states ...string) (Job, error) {
	var j Job
	err := Eventually(ctx, within, fmt.Sprintf("job %s is one of %v", id, states), func() (bool, error) {
		var err error
		if j, err = n.Job(ctx, id); err != nil {
			return false, err
		}
		return slices.Contains(states, j.Status), fmt.Errorf("it is %s %s", j.Status, j.Reason)
	})
	return j, err
}

// WaitClosed waits until the job is closed, however.
func (n *Network) WaitClosed(ctx context.Context, id string, within time.Duration) (Job, error) {
	return n.WaitJob(ctx, id, within, Completed, Failed, Cancelled, Expired)
}

// Node asks for a node.
func (n *Network) Node(ctx context.Context, address string) (Node, error) {
	var answer struct {
		View nodeView `json:"node"`
	}
	_, err := n.Get(ctx, "/emc/compute/v1/nodes/"+address, 0, &answer)
	return answer.View.node(), err
}

type nodeView struct {
	Node        Node   `json:"node"`
	Online      bool   `json:"online"`
	Unavailable string `json:"unavailable"`
}

func (v nodeView) node() Node {
	v.Node.Online, v.Node.Unavailable = v.Online, v.Unavailable
	return v.Node
}

// all reads every page of a list, which stands in the answer under a name, at a
// height.
func all[T any](ctx context.Context, n *Network, path, name string, height int64) ([]T, error) {
	var out []T
	for key := ""; ; {
		var answer map[string]json.RawMessage
		if _, err := n.Get(ctx, path+"?pagination.key="+url.QueryEscape(key), height, &answer); err != nil {
			return nil, err
		}
		var rows []T
		var page struct {
			Next string `json:"next_key"`
		}
		if err := json.Unmarshal(answer[name], &rows); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", path, name, err)
		}
		if p, ok := answer["pagination"]; ok {
			if err := json.Unmarshal(p, &page); err != nil {
				return nil, fmt.Errorf("%s: pagination: %w", path, err)
			}
		}
		out = append(out, rows...)
		if key = page.Next; key == "" {
			return out, nil
		}
	}
}

// Unbonding is stake on its way back.
type Unbonding struct {
	Amount Int `json:"amount"`
}

// UnbondingAt is how much of a node's stake is on its way back at a height, in uemc.
func (n *Network) UnbondingAt(ctx context.Context, node string, height int64) (sum int64, err error) {
	list, err := all[Unbonding](ctx, n, "/emc/compute/v1/nodes/"+node+"/unbondings", "unbondings", height)
	for _, u := range list {
		sum += int64(u.Amount)
	}
	return sum, err
}

// Slash is the record of one punishment.
type Slash struct {
	Amount   Int    `json:"amount"`
	Reason   string `json:"reason"`
	Evidence []byte `json:"evidence"`
}

// SlashesAt lists a node's slashes at a height; 0 is now.
func (n *Network) SlashesAt(ctx context.Context, node string, height int64) ([]Slash, error) {
	return all[Slash](ctx, n, "/emc/compute/v1/nodes/"+node+"/slashes", "slashes", height)
}

// CustomerJobs lists a customer's jobs at a height.
func (n *Network) CustomerJobs(ctx context.Context, customer string, height int64) ([]Job, error) {
	return all[Job](ctx, n, "/emc/compute/v1/customers/"+customer+"/jobs", "jobs", height)
}
