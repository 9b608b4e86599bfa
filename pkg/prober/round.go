package prober

import (
	"errors"
	"math/rand/v2"
	"sync"

	"github.com/edgematrix/emc/pkg/probe"
	"github.com/edgematrix/emc/pkg/transfer"
	poctypes "github.com/edgematrix/emc/x/poc/types"
)

// Draw is what is to be probed in an epoch.
type Draw struct {
	Epoch            uint64
	Phase            poctypes.ProbePhase
	Height, ClosesAt int64
	Targets          uint32
	// Prober is the key that may report for the validator.
	Prober string
	// Member: the report counts. Reported: it is on the chain.
	Member, Reported bool
	Probes           []poctypes.Probe
}

// result is what became of a target.
type result int

const (
	untried result = iota
	failed
	passed
)

// round is one epoch's work.
type round struct {
	draw Draw
	// at is the height at which each target's turn comes; last the one at which the
	// results are reported, whatever is still missing.
	at   []int64
	last int64

	mu      sync.Mutex
	begun   []bool
	results []result
	running int
}

// lead is how long before its end an epoch's report is sent, in parts of the epoch:
// a full block or a slow node must not make it late.
const lead = 8

// newRound gives each target a random moment from now on: nobody can be there for
// the probes alone.
func newRound(d Draw, now int64, r *rand.Rand) *round {
	n := len(d.Probes)
	out := &round{draw: d, at: make([]int64, n), begun: make([]bool, n), results: make([]result, n)}
	out.last = d.ClosesAt - max(2, (d.ClosesAt-d.Height)/lead)
	for i := range out.at {
		out.at[i] = now + r.Int64N(max(1, out.last-now))
	}
	return out
}

// due takes the targets whose turn has come, and marks them as begun.
func (r *round) due(height int64) (out []int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, at := range r.at {
		if !r.begun[i] && at <= height {
			r.begun[i] = true
			r.running++
			out = append(out, i)
		}
	}
	return out
}

func (r *round) note(i int, what result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.results[i] = what
	r.running--
}

// ripe reports whether the results are to be reported now.
func (r *round) ripe(height int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, begun := range r.begun {
		if !begun {
			return height >= r.last
		}
	}
	return height >= r.last || r.running == 0
}

// errNobody says why nothing is reported.
var errNobody = errors.New("no node and no router answered: this prober's own network is down, or what it may dial is too little; nothing is reported")

// report is the round's message; nil when nothing was tried.
func (r *round) report(validator, prober string) (*poctypes.MsgReportProbes, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	size := poctypes.ReportBytes(r.draw.Targets)
	m := &poctypes.MsgReportProbes{Prober: prober, Validator: validator, Epoch: r.draw.Epoch, Probed: make([]byte, size), Passed: make([]byte, size)}
	for i, p := range r.draw.Probes {
		if r.results[i] == untried || p.Index >= r.draw.Targets {
			continue
		}
		poctypes.SetBit(m.Probed, p.Index)
		if r.results[i] == passed {
			poctypes.SetBit(m.Passed, p.Index)
		}
	}
	switch {
	case poctypes.Ones(m.Probed) == 0:
		return nil, nil
	case poctypes.Ones(m.Passed) == 0:
		return nil, errNobody
	}
	return m, nil
}

// target is where a probe goes; false when the node has left meanwhile.
func target(p poctypes.Probe) (probe.Target, bool) {
	key, err := transfer.PubKeyFromBytes(p.Pubkey)
	return probe.Target{Node: key, Endpoints: p.Endpoints}, err == nil
}
