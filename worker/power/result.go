package power

import (
	"context"
	"errors"
	"time"

	"github.com/edgematrix/emc/pkg/chainclient"
	computetypes "github.com/edgematrix/emc/x/compute/types"
	poctypes "github.com/edgematrix/emc/x/poc/types"
)

// refreshInterval is how often power and rewards are read for the status.
const refreshInterval = 30 * time.Second

// before ends what is left of an earlier window when a new one is there.
func (l *Loop) before(ctx context.Context, newest poctypes.Window) error {
	if l.record == nil || l.record.Height >= newest.Height {
		return nil
	}
	w, err := l.cfg.Chain.Window(ctx, l.record.Height)
	if errors.Is(err, chainclient.ErrNotFound) {
		return l.forget()
	}
	if err != nil {
		return err
	}
	return l.result(ctx, w)
}

// result tells what became of the last window, once.
func (l *Loop) result(ctx context.Context, w poctypes.Window) error {
	if l.record == nil || l.record.Height != w.Height {
		return nil
	}
	switch w.Phase {
	case poctypes.PHASE_VOID, poctypes.PHASE_DISCARDING:
		l.cfg.Logger.Info("proof: window void; it counts for nobody and against nobody", "window", w.Height, "reason", w.VoidReason)
		return l.forget()
	case poctypes.PHASE_CLOSED:
	default:
		return nil
	}
	power, err := l.cfg.Chain.Power(ctx, l.cfg.Address.String())
	if err != nil && !errors.Is(err, chainclient.ErrNotFound) {
		return err
	}
	outcome, got := "missed", uint64(0)
	for _, s := range power.Record.Scores {
		if s.Number == w.Number {
			outcome, got = outcomeWord(s.Outcome), s.Power
		}
	}
	l.cfg.Logger.Info("proof: window closed", "window", w.Height, "result", outcome, "e", eText(got), "market_e", eText(power.Record.Power))
	if node, known := l.cfg.Node(); known {
		l.refresh(ctx, node, true)
	}
	return l.forget()
}

// forget is for a window of which nothing is to come any more.
func (l *Loop) forget() error {
	l.endProving()
	l.record, l.opened, l.turn = nil, nil, nil
	return removeRecord(l.cfg.Dir)
}

func outcomeWord(o poctypes.Outcome) string {
	switch o {
	case poctypes.OUTCOME_PROVED:
		return "proved"
	case poctypes.OUTCOME_NOT_DRAWN:
		return "not drawn"
	case poctypes.OUTCOME_SILENT:
		return "silent"
	case poctypes.OUTCOME_WRONG:
		return "wrong"
	}
	return "pending"
}

// refresh reads what the status shows. What cannot be read stays as it was.
func (l *Loop) refresh(ctx context.Context, node computetypes.Node, now bool) {
	if !now && !l.asked.IsZero() && l.cfg.Now().Sub(l.asked) < refreshInterval {
		return
	}
	l.asked = l.cfg.Now()
	f, err := ReadFigures(ctx, l.cfg.Chain, node)
	if err == nil {
		l.update(func(s *Status) { s.Figures = f })
	}
}
