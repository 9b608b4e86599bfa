package prober

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/edgematrix/emc/pkg/probe"
	poctypes "github.com/edgematrix/emc/x/poc/types"
)

// Chain is what a prober needs of the chain.
type Chain interface {
	// Watch calls fn for new blocks until ctx ends.
	Watch(ctx context.Context, fn func(height int64))
	// Draw is what the validator has to probe now; without probes where it has nothing to report.
	Draw(ctx context.Context, validator string) (Draw, error)
	// Report sends the report and waits for a block.
	Report(ctx context.Context, m *poctypes.MsgReportProbes) error
}

// Asker probes from an identity of its own.
type Asker interface {
	Probe(ctx context.Context, t probe.Target) error
	Close() error
}

// Config is what a prober needs.
type Config struct {
	Chain Chain
	// Validator for whom, and Prober by which key, probes are reported.
	Validator, Prober string
	// NewAsker makes an identity for one epoch: nodes must not know who asks.
	NewAsker func(ctx context.Context) (Asker, error)
	// AtOnce bounds how many probes run.
	AtOnce int
	// Again is how long to wait before the second try.
	Again  time.Duration
	Rand   *rand.Rand
	Logger *slog.Logger
}

// Prober is a sidecar that runs.
type Prober struct {
	cfg   Config
	log   *slog.Logger
	slots chan struct{}

	round *round
	asker Asker
	// over is the newest epoch that is done, next the height before which nothing changes.
	over uint64
	next int64
	said string

	probes sync.WaitGroup
}

// New checks the configuration.
func New(cfg Config) (*Prober, error) {
	if cfg.Chain == nil || cfg.NewAsker == nil || cfg.Validator == "" || cfg.Prober == "" || cfg.AtOnce < 1 || cfg.Rand == nil {
		return nil, errors.New("prober: chain, identity, validator, key, bounds and randomness are required")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	return &Prober{cfg: cfg, log: cfg.Logger, slots: make(chan struct{}, cfg.AtOnce)}, nil
}

// Run probes until ctx ends, and waits for the probes that run.
func (p *Prober) Run(ctx context.Context) error {
	p.cfg.Chain.Watch(ctx, func(height int64) { p.onBlock(ctx, height) })
	return p.end()
}

// onBlock does what is due at a height. It is not called again before it returns.
func (p *Prober) onBlock(ctx context.Context, height int64) {
	if p.round != nil && height >= p.round.draw.ClosesAt {
		p.log.Warn("an epoch of probes ended before it could be reported", "epoch", p.round.draw.Epoch)
		p.finish(p.round.draw)
	}
	if p.round == nil {
		if height < p.next {
			return
		}
		if err := p.begin(ctx, height); err != nil {
			p.say(err.Error())
			return
		}
		if p.round == nil {
			return
		}
	}
	for _, i := range p.round.due(height) {
		p.probe(ctx, p.round, p.asker, i)
	}
	if p.round.ripe(height) {
		p.report(ctx, p.round)
	}
}

// begin looks whether an epoch is open that is not done yet.
func (p *Prober) begin(ctx context.Context, height int64) error {
	d, err := p.cfg.Chain.Draw(ctx, p.cfg.Validator)
	switch {
	case err != nil:
		return fmt.Errorf("what is to be probed is not known: %w", err)
	case d.Prober != p.cfg.Prober:
		return fmt.Errorf("%s is not the prober of %s, that is %s: `emcd prober set %s --from VALIDATOR` makes it so", p.cfg.Prober, p.cfg.Validator, cmp.Or(d.Prober, "nobody"), p.cfg.Prober)
	case d.Phase == poctypes.PROBE_PHASE_CLOSED:
		p.next = d.ClosesAt // nothing could be concluded in this one
		return nil
	case d.Phase != poctypes.PROBE_PHASE_OPEN || d.Epoch <= p.over:
		return nil
	case !d.Member:
		p.say(fmt.Sprintf("reports count from the next epoch of probes on, which begins after height %d", d.ClosesAt))
	}
	if !d.Member || d.Reported || len(d.Probes) == 0 {
		p.finish(d)
		return nil
	}
	if p.asker, err = p.cfg.NewAsker(ctx); err != nil {
		return err
	}
	p.round, p.said = newRound(d, height, p.cfg.Rand), ""
	p.log.Info("probing", "epoch", d.Epoch, "targets", len(d.Probes), "until", p.round.last)
	return nil
}

// probe asks one target in its own goroutine, twice if need be.
func (p *Prober) probe(ctx context.Context, r *round, asker Asker, i int) {
	t, there := target(r.draw.Probes[i])
	if !there {
		r.note(i, untried)
		return
	}
	p.probes.Add(1)
	go func() {
		defer p.probes.Done()
		what := untried
		defer func() { r.note(i, what) }()
		select {
		case p.slots <- struct{}{}:
			defer func() { <-p.slots }()
		case <-ctx.Done():
			return
		}
		err := asker.Probe(ctx, t)
		if err != nil && wait(ctx, p.cfg.Again) {
			err = asker.Probe(ctx, t)
		}
		switch {
		case err == nil:
			what = passed
		case ctx.Err() == nil:
			what = failed
			p.log.Info("no answer", "node", r.draw.Probes[i].Node, "error", err)
		}
	}()
}

func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// report sends what was found. One that does not get through is tried again with the
// next block.
func (p *Prober) report(ctx context.Context, r *round) {
	m, err := r.report(p.cfg.Validator, p.cfg.Prober)
	switch {
	case err != nil:
		p.log.Warn(err.Error(), "epoch", r.draw.Epoch, "targets", len(r.draw.Probes))
	case m == nil:
		p.log.Info("nothing was probed, and nothing is reported", "epoch", r.draw.Epoch)
	default:
		if err := p.cfg.Chain.Report(ctx, m); err != nil {
			p.log.Warn("the probes could not be reported; trying again with the next block", "epoch", m.Epoch, "error", err)
			return
		}
		p.log.Info("probes reported", "epoch", m.Epoch, "probed", poctypes.Ones(m.Probed), "passed", poctypes.Ones(m.Passed))
	}
	p.finish(r.draw)
}

// finish closes an epoch: the next one is looked for when it can have begun.
func (p *Prober) finish(d Draw) {
	p.over, p.next, p.round = max(p.over, d.Epoch), d.ClosesAt, nil
	if err := p.end(); err != nil {
		p.log.Warn("the host of an epoch could not be closed", "error", err)
	}
}

// end waits for the probes that run and closes their host.
func (p *Prober) end() error {
	p.probes.Wait()
	if p.asker == nil {
		return nil
	}
	err := p.asker.Close()
	p.asker = nil
	return err
}

// say tells something once, until something else is to be told.
func (p *Prober) say(words string) {
	if words != p.said {
		p.log.Warn(words)
		p.said = words
	}
}
