package prover

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/edgematrix/emc/pkg/proof"
)

// Open proves a commitment of this prover to whoever has the beacon: it opens
// the k tiles that the beacon draws. Rounds whose leaves were not kept are
// multiplied again, which takes as long as it did the first time. The proof has
// been verified when it is returned: a wrong one costs the stake.
func (p *Prover) Open(ctx context.Context, c proof.Commitment, beacon [32]byte, k int) ([]byte, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if k < 1 {
		return nil, fmt.Errorf("%w: %d samples, expected at least one", proof.ErrLength, k)
	}
	p.mu.Lock()
	finished := len(p.roots)
	roots := slices.Clone(p.roots[:min(c.Rounds, uint64(finished))])
	p.mu.Unlock()
	if c.LogN != p.window.LogN || c.Rounds > uint64(finished) || proof.Root(roots) != c.Root {
		return nil, fmt.Errorf("the commitment to %d rounds with the root %s is not one of this prover's, which has finished %d", c.Rounds, c.Root, finished)
	}
	samples := proof.Draw(beacon, p.seed, c, k)
	leaves, err := p.leavesOf(ctx, samples, roots)
	if err != nil {
		return nil, err
	}
	out := make([]byte, 0, proof.Size(c, k))
	for _, s := range samples {
		out = proof.AppendOpening(out, leaves[s.Round], roots, s)
	}
	if err := proof.Verify(p.window, c, beacon, k, out); err != nil {
		return nil, fmt.Errorf("this machine's own proof is wrong, do not send it: %w", err)
	}
	return out, nil
}

// leavesOf collects the leaves of the sampled rounds.
func (p *Prover) leavesOf(ctx context.Context, samples []proof.Sample, roots []proof.Digest) (map[uint64][]uint64, error) {
	leaves := map[uint64][]uint64{}
	var missing []uint64
	p.mu.Lock()
	for _, s := range samples {
		if kept, ok := p.kept[s.Round]; ok {
			leaves[s.Round] = kept
		} else if !slices.Contains(missing, s.Round) {
			missing = append(missing, s.Round)
		}
	}
	p.mu.Unlock()
	if len(missing) == 0 {
		return leaves, nil
	}
	if err := p.again(ctx, missing, roots, leaves); err != nil {
		return nil, err
	}
	return leaves, nil
}

// again multiplies rounds whose leaves were not kept.
func (p *Prover) again(ctx context.Context, rounds []uint64, roots []proof.Digest, into map[uint64][]uint64) error {
	var mu sync.Mutex // many cores call back
	var wrong error
	queue := rounds
	p.work(ctx, func() (uint64, bool) {
		mu.Lock()
		defer mu.Unlock()
		if len(queue) == 0 {
			return 0, false
		}
		first := queue[0]
		queue = queue[1:]
		return first, true
	}, func(round uint64, root proof.Digest, leaves []uint64) {
		mu.Lock()
		defer mu.Unlock()
		if root != roots[round] {
			wrong = fmt.Errorf("round %d has the root %s, and had %s before: this machine computes wrongly", round, root, roots[round])
		}
		into[round] = leaves
	})
	if wrong != nil {
		return wrong
	}
	for _, round := range rounds {
		if into[round] == nil {
			return fmt.Errorf("round %d was not multiplied again: %w", round, context.Cause(ctx))
		}
	}
	return nil
}
