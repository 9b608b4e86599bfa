package power

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/chainclient"
	computetypes "github.com/edgematrix/emc/x/compute/types"
	poctypes "github.com/edgematrix/emc/x/poc/types"
)

// paramsInterval is how often the chain's rules are read again.
const paramsInterval = time.Minute

// Loop follows the windows. Step does what one block asks for.
type Loop struct {
	cfg   Config
	heads chan chainclient.Head
	began time.Time

	// What follows belongs to whoever calls Step.
	params   poctypes.Params
	paramsAt time.Time
	plan     *plan
	noPlan   error // why there is none under the rules of planned
	planned  rules
	record   *record // of the last window that was committed to here
	loaded   bool    // the record was looked for on the disk
	turn     *turn   // the work of a window; nil when there is none
	opened   *opened // the proof that waits for its slot
	skip     int64   // a window in which something went badly wrong
	said     map[string]string
	asked    time.Time // when power and rewards were read

	freezing freezing
	mu       sync.Mutex
	status   Status
	busy     bool
}

// New returns a loop. Run makes it work.
func New(cfg Config) *Loop {
	cfg = cfg.withDefaults()
	l := &Loop{cfg: cfg, heads: make(chan chainclient.Head, 1), began: cfg.Now(), said: map[string]string{}}
	l.status = Off()
	l.status.Enabled, l.status.State = true, "waiting for the chain"
	return l
}

// Head tells of a new block. It does not wait: the newest one counts.
func (l *Loop) Head(h chainclient.Head) {
	for {
		select {
		case l.heads <- h:
			return
		default:
		}
		select {
		case <-l.heads:
		default:
		}
	}
}

// Run proves until ctx ends. Whatever happens, the programs go on when it returns.
func (l *Loop) Run(ctx context.Context) error {
	defer l.Close()
	for {
		select {
		case <-ctx.Done():
			return nil
		case h := <-l.heads:
			if err := l.Step(ctx, h); err != nil && ctx.Err() == nil {
				l.once("step", "the proof of computing cannot go on; trying again at the next block", "error", err)
			}
		case <-l.overdue():
			l.standstill()
		}
	}
}

// Close ends the work of a window and lets the programs go on. Its commitments
// stay: after a restart they are revealed.
func (l *Loop) Close() {
	l.endProving()
	l.turn = nil
}

// Step does what follows from a new block. A panic is an error: it must not take
// the jobs down, nor leave them frozen.
func (l *Loop) Step(ctx context.Context, head chainclient.Head) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
			if l.turn != nil {
				l.skip = l.turn.height
			}
		}
		if err != nil && l.turn != nil && l.skip == l.turn.height {
			l.endProving()
			l.turn = nil
		}
	}()
	if l.freezing.stuck {
		l.thaw()
	}
	if err := l.load(); err != nil {
		return err
	}
	node, known := l.cfg.Node()
	if why := l.unfit(node, known); why != "" {
		l.endProving()
		l.turn = nil
		l.say(why)
		return nil
	}
	if err := l.readParams(ctx); err != nil {
		return err
	}
	window, err := l.cfg.Chain.Window(ctx, 0)
	switch {
	case errors.Is(err, chainclient.ErrNotFound):
		l.say("waiting for the first window")
		l.refresh(ctx, node, false)
		return l.prepare(ctx)
	case err != nil:
		return err
	}
	if err := l.before(ctx, window); err != nil {
		return err
	}
	err = l.follow(ctx, head, window)
	l.refresh(ctx, node, false)
	return err
}

// follow does what a window's phase asks for.
func (l *Loop) follow(ctx context.Context, head chainclient.Head, w poctypes.Window) error {
	switch w.Phase {
	case poctypes.PHASE_OPEN:
		return l.open(ctx, head, w)
	case poctypes.PHASE_REVEAL:
		l.endProving()
		return l.reveal(ctx, head, w)
	case poctypes.PHASE_CLOSED, poctypes.PHASE_VOID, poctypes.PHASE_DISCARDING:
		l.endProving()
		if err := l.result(ctx, w); err != nil {
			return err
		}
		l.say("waiting for a window")
		return l.prepare(ctx)
	default: // drawing, settling, paying
		l.endProving()
		l.say(fmt.Sprintf("window %d: waiting for the chain", w.Height))
		return nil
	}
}

// prepare measures and reserves, while there is nothing else to do.
func (l *Loop) prepare(ctx context.Context) error {
	want := rulesOf(l.params)
	if (l.plan != nil || l.noPlan != nil) && l.planned == want {
		return l.noPlan
	}
	l.plan = nil // its memory goes first
	p, err := newPlan(ctx, l.cfg, want)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	l.plan, l.noPlan, l.planned = p, err, want
	if err != nil {
		return err
	}
	l.cfg.Logger.Info("proof: ready for windows", "kernel", l.cfg.Kernel.Name(), "n", 1<<p.logN, "threads", p.config.Threads,
		"e", eText(ePerSecond(p.rate, p.logN)), "rounds_at_most", p.rounds)
	l.update(func(s *Status) { s.Backend, s.N, s.Threads = l.cfg.Kernel.Name(), 1<<p.logN, p.config.Threads })
	return nil
}

// load reads what an earlier process left, once.
func (l *Loop) load() error {
	if l.loaded {
		return nil
	}
	r, err := loadRecord(l.cfg.Dir)
	if errors.Is(err, errDamaged) {
		l.cfg.Logger.Error("proof: what was committed to in the last window cannot be revealed; it counts as silent, which costs no stake",
			"error", err, "set_aside", recordName+".damaged")
		r, err = nil, setAside(l.cfg.Dir)
	}
	if err != nil {
		return fmt.Errorf("the record of the last proof in %s cannot be read: %w", l.cfg.Dir, err)
	}
	if r != nil && (r.ChainID != l.cfg.ChainID || string(r.Node) != string(l.cfg.Address)) {
		l.cfg.Logger.Warn("proof: the record of the last proof belongs to another node or chain, and is not used", "chain", r.ChainID, "node", sdk.AccAddress(r.Node))
		r = nil
	}
	l.record, l.loaded = r, true
	return nil
}

func (l *Loop) readParams(ctx context.Context) error {
	if !l.paramsAt.IsZero() && l.cfg.Now().Sub(l.paramsAt) < paramsInterval {
		return nil
	}
	p, err := l.cfg.Chain.PocParams(ctx)
	if err != nil {
		return err
	}
	l.params, l.paramsAt = p, l.cfg.Now()
	return nil
}

// unfit says why the node does not prove, and what to do.
func (l *Loop) unfit(node computetypes.Node, known bool) string {
	switch {
	case !known:
		return "the node is not registered"
	case node.Role != computetypes.ROLE_COMPUTING:
		return "the node is no computing node"
	case node.Jailed:
		l.once("jailed", "proof: the node is jailed and proves nothing; when its time is over, its operator lets it out with `emcd tx compute unjail`",
			"until", time.Unix(node.JailedUntil, 0).UTC().Format(time.RFC3339), "node", node.Address)
		return "the node is jailed; its operator lets it out with `emcd tx compute unjail " + node.Address + "` when its time is over"
	}
	delete(l.said, "jailed")
	return ""
}

// once logs a thing when it is new.
func (l *Loop) once(topic, words string, args ...any) {
	text := words + fmt.Sprint(args...)
	if l.said[topic] == text {
		return
	}
	l.said[topic] = text
	l.cfg.Logger.Warn(words, args...)
}
