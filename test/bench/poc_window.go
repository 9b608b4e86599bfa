package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cosmos/cosmos-sdk/crypto/keys/secp256k1"

	"github.com/edgematrix/emc/pkg/proof"
	"github.com/edgematrix/emc/pkg/proof/prover"
	"github.com/edgematrix/emc/x/compute/types"
	poctypes "github.com/edgematrix/emc/x/poc/types"
)

const (
	// provers is as many as reveal in one window.
	provers = 500
	// The work is as small as it may be: the chain is measured here, not the
	// prover. proofBytes and proofMillis say what a full proof is, of 2^15 rounds
	// of n = 4096: it is what proof.bytes and proof.verify_ms measure.
	windowLogN, windowRounds = proof.MinLogN, 2
	proofBytes, proofMillis  = 42_000, 0.27

	commitGasLimit, revealGasLimit = 200_000, 2_000_000
)

// windowMeasured is what one window with 500 provers came to.
type windowMeasured struct {
	// blockTime is how much longer the mean block with proofs in it takes than an
	// empty one, to those who use the chain: they wait the second between two
	// blocks as well.
	blockTime              float64
	commitGas, commitBytes float64
}

// windowRun is a chain in a window.
type windowRun struct {
	*chain
	works   []*prover.Prover
	commits []proof.Commitment
}

func measureWindow() (m windowMeasured, err error) {
	c, err := newWindowChain()
	if err != nil {
		return m, err
	}
	defer c.close()
	r := &windowRun{chain: c}
	var empty []time.Duration
	w, err := r.until(poctypes.PHASE_OPEN, &empty)
	if err != nil {
		return m, err
	}
	if err := r.work(w); err != nil {
		return m, err
	}
	if m.commitGas, m.commitBytes, err = r.commit(w); err != nil {
		return m, err
	}
	if w, err = r.until(poctypes.PHASE_REVEAL, nil); err != nil {
		return m, err
	}
	blocks, size, err := r.reveal(w)
	if err != nil {
		return m, err
	}
	if w, err = r.until(poctypes.PHASE_CLOSED, nil); err != nil {
		return m, err
	}
	if w.Proved != provers {
		return m, fmt.Errorf("%d of %d nodes proved", w.Proved, provers)
	}
	verify, err := r.verifyMillis(w)
	if err != nil {
		return m, err
	}
	busy, idle := mean(blocks), mean(empty)
	each := float64(provers) / float64(len(blocks))
	fmt.Printf("  %d proofs of %.1f kB in %d blocks: %.1f ms for a mean block, %.1f ms for the longest, %.1f ms for an empty one, of processor time\n",
		provers, size/1000, len(blocks), busy*1e3, slices.Max(seconds(blocks))*1e3, idle*1e3)
	fmt.Printf("  execution alone: %.1f times an empty block's; one of these proofs takes %.2f ms to verify, a full one of 42 kB %.2f ms: that would make it %.1f ms\n",
		busy/idle, verify, proofMillis, busy*1e3+each*(proofMillis-verify))
	m.blockTime = (1 + busy) / (1 + idle)
	return m, nil
}

// newWindowChain has 500 nodes with accounts, and windows as by default but for
// when they open.
func newWindowChain() (*chain, error) {
	var s setup
	for i := range provers {
		k := key("node", i)
		s.keys = append(s.keys, k)
		s.nodes = append(s.nodes, absentNode(i, addressOf(key("node", 0)).String()))
	}
	s.poc = func(g *poctypes.GenesisState) {
		g.Params.WindowMeanBlocks = 1
		g.Params.WindowGapBlocks = g.Params.WindowBlocks + g.Params.RevealBlocks + 1
	}
	return startChain(s)
}

// absentNode is registered and takes no jobs: nothing happens to it by itself.
func absentNode(i int, operator string) types.Node {
	n := benchNode(i, 4, operator, chainStart())
	n.Accepting = false
	return n
}

func (c *chain) window() (w poctypes.Window, err error) {
	ctx := c.app.NewContext(true)
	height, err := c.app.PocKeeper.Last.Get(ctx)
	if err != nil {
		return w, nil //nolint:nilerr // none has opened yet
	}
	return c.app.PocKeeper.Windows.Get(ctx, height)
}

// until makes empty blocks until a window is in a phase.
func (r *windowRun) until(phase poctypes.Phase, spans *[]time.Duration) (poctypes.Window, error) {
	for range 1_000 {
		w, err := r.window()
		if err != nil || w.Phase == phase {
			return w, err
		}
		span, _, err := r.block(nil)
		if err != nil {
			return w, err
		}
		if spans != nil {
			*spans = append(*spans, span)
		}
	}
	return poctypes.Window{}, fmt.Errorf("no window came to %s", phase)
}

func (r *windowRun) task(w poctypes.Window, k *secp256k1.PrivKey) (proof.Window, error) {
	return w.TaskWindow(benchChain, addressOf(k), k.PubKey().Bytes(), windowLogN)
}

// work does what the nodes do while the window is open.
func (r *windowRun) work(w poctypes.Window) error {
	space, err := prover.Reserve(prover.Config{Rounds: windowRounds, Memory: 1 << 20}, windowLogN)
	if err != nil {
		return err
	}
	for _, k := range r.keys {
		task, err := r.task(w, k)
		if err != nil {
			return err
		}
		p, err := space.Prover(task)
		if err != nil {
			return err
		}
		p.Run(context.Background())
		c, _, err := p.Commit()
		if err != nil {
			return err
		}
		r.works, r.commits = append(r.works, p), append(r.commits, c)
	}
	return nil
}

// commit has all nodes commit, evenly over the window.
func (r *windowRun) commit(w poctypes.Window) (gas, size float64, err error) {
	blocks := int(w.ClosesAt - w.Height)
	for b := range blocks {
		var txs [][]byte
		for i := b; i < provers; i += blocks {
			c := r.commits[i]
			tx, err := r.sign(i, commitGasLimit, &poctypes.MsgCommitProof{
				Node: addressOf(r.keys[i]).String(), Window: w.Height, Kind: proof.KindInt8, Log2N: uint32(c.LogN), Rounds: c.Rounds, Root: c.Root[:],
			})
			if err != nil {
				return 0, 0, err
			}
			txs = append(txs, tx)
		}
		_, res, err := r.block(txs)
		if err != nil {
			return 0, 0, err
		}
		for i, tx := range txs {
			gas, size = max(gas, float64(res.TxResults[1+i].GasUsed)), max(size, float64(len(tx)))
		}
	}
	return gas, size, nil
}

// reveal has each node reveal in the block that is its own, and returns the
// blocks in which proofs are.
func (r *windowRun) reveal(w poctypes.Window) (spans []time.Duration, size float64, err error) {
	blocks := uint64(w.RevealUntil - w.DrawnAt)
	due := make([][][]byte, blocks)
	for i, k := range r.keys {
		committed, err := r.app.PocKeeper.Commits.Get(r.app.NewContext(true), addressOf(k))
		if err != nil {
			return nil, 0, err
		}
		openings, err := r.works[i].Open(context.Background(), r.commits[i], [32]byte(w.Draw), w.SamplesOf(committed))
		if err != nil {
			return nil, 0, err
		}
		size = float64(len(openings))
		tx, err := r.sign(i, revealGasLimit, &poctypes.MsgRevealProof{Node: addressOf(k).String(), Window: w.Height, Proof: openings})
		if err != nil {
			return nil, 0, err
		}
		slot := proof.Slot([32]byte(w.Draw), [20]byte(addressOf(k)), blocks)
		due[slot] = append(due[slot], tx)
	}
	for _, txs := range due[:blocks-1] { // the last one settles the window as well
		span, _, err := r.block(txs)
		if err != nil {
			return nil, 0, err
		}
		if len(txs) > 0 {
			spans = append(spans, span)
		}
	}
	if len(spans) == 0 || len(due[blocks-1]) > 0 {
		return nil, 0, errors.New("the proofs are not where they belong")
	}
	return spans, size, nil
}

// verifyMillis times the verification of one of the proofs.
func (r *windowRun) verifyMillis(w poctypes.Window) (float64, error) {
	task, err := r.task(w, r.keys[0])
	if err != nil {
		return 0, err
	}
	openings, err := r.works[0].Open(context.Background(), r.commits[0], [32]byte(w.Draw), int(w.SuspectSamples))
	if err != nil {
		return 0, err
	}
	const times = 50
	begin := processorTime()
	for range times {
		if err := proof.Verify(task, r.commits[0], [32]byte(w.Draw), int(w.SuspectSamples), openings); err != nil {
			return 0, err
		}
	}
	return (processorTime() - begin).Seconds() * 1e3 / times, nil
}

func mean(spans []time.Duration) float64 {
	var sum time.Duration
	for _, s := range spans {
		sum += s
	}
	return sum.Seconds() / float64(max(1, len(spans)))
}
