package session

import (
	"context"
	"log/slog"
	"time"

	"github.com/edgematrix/emc/pkg/receipt"
)

// RedeemerConfig says when a node's vouchers are worth a transaction.
type RedeemerConfig struct {
	Node   *Node
	Chain  Chain
	Now    func() time.Time
	Logger *slog.Logger

	Amount  uint64        // uemc: a lane that is due so much is redeemed
	Age     time.Duration // a lane that has been due for so long is redeemed, whatever the amount
	Batch   int           // vouchers in one transaction
	Backoff time.Duration // after a refusal; it doubles up to MaxBackoff
	// MaxBackoff is well below the chain's closing period.
	MaxBackoff time.Duration
}

// Redeemer takes a node's vouchers to the chain. They are cumulative, so that sending one twice does no harm. One goroutine
// calls Step.
type Redeemer struct {
	cfg   RedeemerConfig
	tries map[receipt.Lane]try
}

type try struct {
	failed int
	next   time.Time
}

// NewRedeemer checks the settings.
func NewRedeemer(cfg RedeemerConfig) (*Redeemer, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.Node == nil || cfg.Chain == nil || cfg.Now == nil || cfg.Batch < 1 || cfg.Age < 0 || cfg.Backoff <= 0 || cfg.MaxBackoff < cfg.Backoff {
		return nil, wrap(ErrConfig, "a redeemer needs a node, a chain and a clock, batches of at least 1, and a backoff")
	}
	return &Redeemer{cfg: cfg, tries: make(map[receipt.Lane]try)}, nil
}

// Report is what one Step did.
type Report struct {
	Sent, Settled, Stale, Refused, Void int
	Paid                                uint64 // uemc
}

// Step redeems all that is worth it now, in batches. The caller calls it every few seconds, and once more when it learns
// that a session closes. An error means that a batch could not be sent; its vouchers are tried again after the backoff.
func (r *Redeemer) Step(ctx context.Context) (Report, error) {
	var report Report
	var batch []Due
	for _, d := range r.cfg.Node.Dues() {
		worth, err := r.worth(ctx, d)
		if err != nil {
			return report, err
		}
		if !worth {
			continue
		}
		if batch = append(batch, d); len(batch) == r.cfg.Batch {
			if err := r.send(ctx, batch, &report); err != nil {
				return report, err
			}
			batch = nil
		}
	}
	if len(batch) == 0 {
		return report, nil
	}
	return report, r.send(ctx, batch, &report)
}

// Run steps every so often until ctx ends. What fails is logged, and tried again.
func (r *Redeemer) Run(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		report, err := r.Step(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			r.cfg.Logger.Warn("vouchers could not be redeemed; they are tried again", "error", err)
		case report.Settled > 0:
			r.cfg.Logger.Info("redeemed", "vouchers", report.Settled, "uemc", report.Paid)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (r *Redeemer) worth(ctx context.Context, d Due) (bool, error) {
	now := r.cfg.Now()
	if now.Before(r.tries[d.Voucher.Lane].next) {
		return false, nil
	}
	if d.Amount >= r.cfg.Amount || now.Sub(d.Since) >= r.cfg.Age {
		return true, nil
	}
	info, err := r.cfg.Chain.Session(ctx, d.Voucher.Session)
	if err != nil {
		return false, ctx.Err() // the chain will say the same of the voucher
	}
	// A replaced key's vouchers have their own, shorter time.
	return !info.Open || info.KeyID != d.Voucher.KeyID, nil
}

func (r *Redeemer) send(ctx context.Context, batch []Due, report *Report) error {
	vouchers := make([]receipt.Voucher, len(batch))
	for i, d := range batch {
		vouchers[i] = d.Voucher
	}
	report.Sent += len(batch)
	answers, err := r.cfg.Chain.Redeem(ctx, vouchers)
	if err == nil && len(answers) != len(batch) {
		err = wrap(ErrSession, "the chain answered %d of %d vouchers", len(answers), len(batch))
	}
	if err != nil {
		for _, d := range batch {
			r.later(d, err.Error())
		}
		return err
	}
	for i, a := range answers {
		if err := r.note(batch[i], a, report); err != nil {
			return err
		}
	}
	return nil
}

func (r *Redeemer) note(d Due, a Redemption, report *Report) error {
	v := d.Voucher
	report.Paid += a.Paid
	settled := v.Amount
	switch a.Outcome {
	case Redeemed:
		report.Settled++
		if settled -= min(settled, a.Unpaid); a.Unpaid > 0 {
			r.later(d, "neither the deposit nor the cover held the rest")
		} else {
			delete(r.tries, v.Lane)
		}
	case Stale:
		report.Stale++
		delete(r.tries, v.Lane)
	case Void:
		report.Void++
		delete(r.tries, v.Lane)
		r.cfg.Logger.Error("vouchers were not redeemed in time", "session", v.Session, "router", v.Router, "uemc", d.Amount, "reason", a.Reason)
	default:
		report.Refused++
		r.later(d, a.Reason)
		return nil
	}
	return r.cfg.Node.Settled(v.Lane, settled)
}

// later tries a lane again after a while, twice as long each time.
func (r *Redeemer) later(d Due, reason string) {
	t := r.tries[d.Voucher.Lane]
	wait := r.cfg.Backoff
	for range t.failed {
		if wait *= 2; wait >= r.cfg.MaxBackoff {
			wait = r.cfg.MaxBackoff
			break
		}
	}
	t.failed++
	t.next = r.cfg.Now().Add(wait)
	r.tries[d.Voucher.Lane] = t
	r.cfg.Logger.Warn("a voucher was not redeemed; it is tried again", "session", d.Voucher.Session, "router", d.Voucher.Router,
		"uemc", d.Amount, "reason", reason, "after", wait)
}
