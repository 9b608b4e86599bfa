package power

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"time"

	"cosmossdk.io/math"

	"github.com/edgematrix/emc/pkg/chainclient"
	"github.com/edgematrix/emc/pkg/proof"
	computetypes "github.com/edgematrix/emc/x/compute/types"
	poctypes "github.com/edgematrix/emc/x/poc/types"
)

// Figures are what the chain says of a node's power. Powers are in micro-E.
type Figures struct {
	// Market is what the node may sell, Proven what its last proof showed.
	Market uint64 `json:"market_power"`
	Proven uint64 `json:"proven_power"`
	// Proved, Silent and Wrong count all windows, Missed those of the last ones
	// that count.
	Proved uint64 `json:"windows_proved"`
	Silent uint64 `json:"windows_silent"`
	Wrong  uint64 `json:"windows_wrong"`
	Missed uint32 `json:"windows_missed_lately"`
	// Claimable is what the operator can claim for all its nodes, in uemc.
	Claimable math.Int `json:"claimable_uemc"`
}

// Status is what the loop does.
type Status struct {
	Enabled bool `json:"enabled"`
	// State says in words what it does or waits for.
	State   string `json:"state"`
	Backend string `json:"backend,omitempty"`
	N       int    `json:"n,omitempty"`
	Threads int    `json:"threads,omitempty"`
	Figures `json:"figures"`
	// Frozen is how long programs were held still since the start, Share its part
	// of that time.
	Frozen time.Duration `json:"frozen_nanoseconds"`
	Share  float64       `json:"frozen_share"`
}

// Off is the status of a node that does not prove.
func Off() Status {
	return Status{State: "off", Figures: Figures{Claimable: math.ZeroInt()}}
}

// Status tells what the loop does now.
func (l *Loop) Status() Status {
	now := l.cfg.Now()
	l.mu.Lock()
	s := l.status
	l.mu.Unlock()
	s.Frozen, _ = l.freezing.frozen(now)
	if up := now.Sub(l.began); up > 0 {
		s.Share = min(1, float64(s.Frozen)/float64(up))
	}
	return s
}

// Busy is set while a window is worked on: what can wait waits.
func (l *Loop) Busy() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.busy
}

func (l *Loop) setBusy(on bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.busy = on
}

func (l *Loop) update(change func(*Status)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(&l.status)
}

func (l *Loop) say(state string) { l.update(func(s *Status) { s.State = state }) }

// Reader is what ReadFigures asks of a chain.
type Reader interface {
	Power(ctx context.Context, node string) (poctypes.QueryPowerResponse, error)
	Rewards(ctx context.Context, operator string) (poctypes.Reward, error)
}

// ReadFigures asks the chain. A node that has proved nothing, and an operator who
// has earned nothing, are no error.
func ReadFigures(ctx context.Context, chain Reader, node computetypes.Node) (Figures, error) {
	f := Figures{Market: node.Power, Claimable: math.ZeroInt()}
	switch p, err := chain.Power(ctx, node.Address); {
	case err == nil:
		r := p.Record
		f.Proven, f.Proved, f.Silent, f.Wrong, f.Missed = r.Proven, r.Proved, r.Silent, r.Wrong, p.Missed
	case !errors.Is(err, chainclient.ErrNotFound):
		return f, err
	}
	switch r, err := chain.Rewards(ctx, node.Operator); {
	case err == nil && !r.Claimable.Amount.IsNil():
		f.Claimable = r.Claimable.Amount
	case err != nil && !errors.Is(err, chainclient.ErrNotFound):
		return f, err
	}
	return f, nil
}

func eText(micro uint64) string {
	return fmt.Sprintf("%d.%06d", micro/poctypes.MicroE, micro%poctypes.MicroE)
}

// claimed is the power of a commitment after a time, in micro-E.
func claimed(c proof.Commitment, took time.Duration) uint64 {
	return clamp(proof.MicroE(c, took))
}

// ePerSecond is the power of so many rounds a second, in micro-E.
func ePerSecond(rate float64, logN uint8) uint64 {
	macs := rate * float64(uint64(1)<<(3*logN))
	return uint64(macs / 1e6)
}

func clamp(n *big.Int) uint64 {
	if !n.IsUint64() {
		return 1<<64 - 1
	}
	return n.Uint64()
}
