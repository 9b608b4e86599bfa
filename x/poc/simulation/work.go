package simulation

import (
	"context"
	"fmt"
	"sync"

	"github.com/edgematrix/emc/pkg/proof"
	provers "github.com/edgematrix/emc/pkg/proof/prover"
)

// mostWork is how many works a workshop keeps.
const mostWork = 32

// workshop does the nodes' work. It is a cache alone: the work follows from the
// window, and is done again where it is not kept.
type workshop struct {
	mu    sync.Mutex
	works map[proof.Window]*provers.Prover
}

func newWorkshop() *workshop { return &workshop{works: map[proof.Window]*provers.Prover{}} }

// rounds is how much work an honest node does.
const rounds = 1

// work is a node's honest work in a window.
func (w *workshop) work(s scene, p prover) (*provers.Prover, proof.Commitment) {
	task, err := s.window.TaskWindow(s.chainID(), p.account, p.Pubkey, proof.MinLogN)
	if err != nil {
		panic(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	work, ok := w.works[task]
	if !ok {
		if work, err = provers.New(task, provers.Config{Rounds: rounds, Threads: 1}); err != nil {
			panic(err)
		}
		work.Run(context.Background())
		if len(w.works) == mostWork {
			clear(w.works)
		}
		w.works[task] = work
	}
	c, _, err := work.Commit()
	if err != nil {
		panic(err)
	}
	return work, c
}

// honest reports whether a node's commitment is to its work.
func (w *workshop) honest(s scene, p prover) bool {
	if p.commit.Log2N != proof.MinLogN || p.commit.Rounds != rounds {
		return false
	}
	_, c := w.work(s, p)
	return c.Root == p.commit.Commitment().Root
}

// open is the right proof of an honest commitment.
func (w *workshop) open(s scene, p prover) []byte {
	work, c := w.work(s, p)
	openings, err := work.Open(context.Background(), c, [32]byte(s.window.Draw), s.window.SamplesOf(p.commit))
	if err != nil {
		panic(fmt.Errorf("the prover cannot open its own work: %w", err))
	}
	return openings
}
