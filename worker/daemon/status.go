package daemon

import (
	"time"

	"github.com/edgematrix/emc/pkg/transfer"
	"github.com/edgematrix/emc/worker/calls"
	"github.com/edgematrix/emc/worker/power"
	computetypes "github.com/edgematrix/emc/x/compute/types"
)

// Status is what the running daemon tells about itself.
type Status struct {
	Node      string    `json:"node"`
	ChainID   string    `json:"chain_id"`
	Height    int64     `json:"height"`
	BlockTime time.Time `json:"block_time"`
	Ready     bool      `json:"ready"`
	Draining  bool      `json:"draining"`
	Endpoints []string  `json:"endpoints"`
	// Problem says why messages or the chain wait; empty while all is well.
	Problem string                 `json:"problem,omitempty"`
	OnChain *computetypes.NodeView `json:"on_chain,omitempty"`
	Running []string               `json:"running"`
	Jobs    []StoredJob            `json:"jobs"`
	Waiting []WaitingMessage       `json:"waiting"`
	Flight  *FlightStatus          `json:"in_flight,omitempty"`
	Last    []DoneMessage          `json:"last"`
	Earned  Earned                 `json:"earned"`
	Power   power.Status           `json:"power"`
	// Calls is left out while no calls are answered.
	Calls *calls.Status `json:"calls,omitempty"`
}

// StoredJob is a job of which something is kept.
type StoredJob struct {
	ID      string         `json:"id"`
	App     string         `json:"app"`
	Phase   transfer.Phase `json:"phase"`
	Message string         `json:"message,omitempty"`
	Created time.Time      `json:"created"`
	Runs    int            `json:"runs"`
}

// WaitingMessage is a message that no transaction carries yet.
type WaitingMessage struct {
	Key     string    `json:"key"`
	Created time.Time `json:"created"`
}

// FlightStatus is the transaction that is in no block yet.
type FlightStatus struct {
	Hash          string   `json:"hash"`
	TimeoutHeight int64    `json:"timeout_height"`
	Keys          []string `json:"keys"`
}

// DoneMessage is a message that a block holds, or that was dropped.
type DoneMessage struct {
	Key    string    `json:"key"`
	Hash   string    `json:"hash,omitempty"`
	Height int64     `json:"height,omitempty"`
	Words  string    `json:"words,omitempty"`
	Done   time.Time `json:"done"`
}

const lastMessages = 10

// Status collects what there is to tell.
func (d *Daemon) Status() (Status, error) {
	s := d.snapshot()
	d.mu.Lock()
	ready := d.isReady
	d.mu.Unlock()
	out := Status{
		Node: d.node, ChainID: d.opts.Config.Chain.ID, Height: s.head.Height, BlockTime: s.head.Time, Ready: ready && s.known,
		Draining: d.opts.Home.Draining(), Endpoints: d.endpoints(), Running: d.loop.Running(), Earned: d.earnings.earned(), Power: d.powerStatus(), Calls: d.callsStatus(),
		Jobs: []StoredJob{}, Waiting: []WaitingMessage{}, Last: []DoneMessage{},
	}
	if s.known {
		out.OnChain = &s.node
	}
	for _, err := range []error{d.outbox.Problem(), s.problem} {
		if err != nil {
			out.Problem = err.Error()
		}
	}
	for _, j := range d.store.Jobs() {
		out.Jobs = append(out.Jobs, StoredJob{ID: j.ID, App: j.Chain.App, Phase: j.Phase, Message: j.Message, Created: j.CreatedAt, Runs: j.Runs})
	}
	return out, d.messages(&out)
}

func (d *Daemon) messages(out *Status) error {
	pending, err := d.file.Pending(100)
	if err != nil {
		return err
	}
	for _, m := range pending {
		out.Waiting = append(out.Waiting, WaitingMessage{Key: m.Key, Created: m.Created})
	}
	flight, err := d.file.InFlight()
	if err != nil {
		return err
	}
	if flight != nil {
		out.Flight = &FlightStatus{Hash: flight.Hash, TimeoutHeight: flight.TimeoutHeight, Keys: flight.Keys}
	}
	done, err := d.file.History(lastMessages)
	if err != nil {
		return err
	}
	for _, r := range done {
		out.Last = append(out.Last, DoneMessage{Key: r.Key, Hash: r.Outcome.TxHash, Height: r.Outcome.Height, Words: r.Outcome.Log, Done: r.Done})
	}
	return nil
}
