package prover

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/edgematrix/emc/pkg/proof"
)

// ErrNothingDone means that no round is finished yet: there is nothing to commit to.
var ErrNothingDone = errors.New("no round is finished")

// Prover is one node's work in one window. Its methods may be called while Run runs.
type Prover struct {
	window    proof.Window
	seed      proof.Digest
	config    Config
	workspace *Workspace
	meter     Meter

	mu    sync.Mutex
	begun uint64
	// roots are those of the finished rounds, without a gap; ahead are finished
	// rounds behind one that is not.
	roots []proof.Digest
	ahead map[uint64]proof.Digest
	// kept are the leaves of rounds, while there is room.
	kept map[uint64][]uint64
	room int64
}

// New prepares the work of a window in a workspace of its own.
func New(w proof.Window, c Config, roots ...proof.Digest) (*Prover, error) {
	if err := w.Validate(); err != nil {
		return nil, err
	}
	s, err := Reserve(c, w.LogN)
	if err != nil {
		return nil, err
	}
	return s.Prover(w, roots...)
}

func newProver(w proof.Window, s *Workspace, roots []proof.Digest) *Prover {
	return &Prover{
		window: w, seed: w.Seed(), config: s.config, workspace: s, begun: uint64(len(roots)), roots: slices.Clone(roots),
		ahead: map[uint64]proof.Digest{}, kept: map[uint64][]uint64{}, room: s.config.Memory,
	}
}

// Run multiplies rounds until the context ends, which is no error: that is how a
// window closes. Call it once.
func (p *Prover) Run(ctx context.Context) { p.work(ctx, p.begin, p.finish) }

func (p *Prover) work(ctx context.Context, next func() (uint64, bool), done func(uint64, proof.Digest, []uint64)) {
	teams, giveBack := p.workspace.take()
	defer giveBack()
	w := &work{kernel: p.config.Kernel, seed: p.seed, logN: p.window.LogN, next: next, done: done, meter: &p.meter}
	w.run(ctx, teams)
}

func (p *Prover) begin() (uint64, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.begun == p.config.Rounds {
		return 0, false
	}
	p.begun++
	return p.begun - 1, true
}

func (p *Prover) finish(round uint64, root proof.Digest, leaves []uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ahead[round] = root
	for {
		root, ok := p.ahead[uint64(len(p.roots))]
		if !ok {
			break
		}
		delete(p.ahead, uint64(len(p.roots)))
		p.roots = append(p.roots, root)
	}
	if size := roundMemory(p.window.LogN); size <= p.room {
		p.room -= size
		p.kept[round] = leaves
	}
}

// Commit is the commitment to the rounds that are finished by now, and their
// roots, which New takes after a restart.
func (p *Prover) Commit() (proof.Commitment, []proof.Digest, error) {
	p.mu.Lock()
	roots := slices.Clone(p.roots)
	p.mu.Unlock()
	if len(roots) == 0 {
		return proof.Commitment{}, nil, ErrNothingDone
	}
	return proof.Commitment{LogN: p.window.LogN, Rounds: uint64(len(roots)), Root: proof.Root(roots)}, roots, nil
}

// Usage is what was done so far.
func (p *Prover) Usage() Usage { return p.meter.usage() }
