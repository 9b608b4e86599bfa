package prover

import (
	"context"
	"time"

	"github.com/edgematrix/emc/pkg/proof"
	"github.com/edgematrix/emc/pkg/proof/kernel"
)

// core is what one core has for itself.
type core struct {
	*work
	n          int
	rows, cols int
	groups     int
	keys       []uint64
	operand    []byte // blocks of A, packed
	leaves     []uint64
}

func newCore(w *work, operand []byte) *core {
	n := 1 << w.logN
	rows, cols := w.kernel.Shape()
	c := &core{work: w, n: n, rows: rows, cols: cols, groups: groups(w.kernel, n), operand: operand}
	c.keys = make([]uint64, max(rows, cols))
	c.leaves = make([]uint64, rows/kernel.Tile*(cols/kernel.Tile))
	return c
}

// pack makes panels of B until all are taken, and waits for those that others
// make. False means that the context has ended.
func (c *core) pack(ctx context.Context, r *round) bool {
	begin := time.Now()
	size := c.kernel.PanelB(c.n)
	for ctx.Err() == nil {
		i, ok := r.panels.take()
		if !ok {
			break
		}
		proof.Keys(c.keys[:c.cols], r.seed, proof.B, i*c.cols)
		c.kernel.PackB(r.operand[i*size:][:size], c.keys[:c.cols], c.n)
		if r.panels.finish() {
			close(r.packed)
		}
	}
	c.meter.generate.Add(int64(time.Since(begin)))
	select {
	case <-r.packed:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// multiply takes blocks of rows until none is left. False means that the context
// has ended.
func (c *core) multiply(ctx context.Context, r *round) bool {
	for {
		i, ok := r.blocks.take()
		if !ok {
			return true
		}
		first := i * c.groups * c.rows
		count := min(c.groups, (c.n-first)/c.rows)
		c.packRows(r, first, count)
		if !c.multiplyRows(ctx, r, first, count) {
			return false
		}
		c.hash(r, first, count)
		if r.blocks.finish() {
			c.done(r.number, proof.RoundRoot(r.nodes), r.leaves)
			c.meter.rounds.Add(1)
			r.leaves, r.nodes = nil, nil
			close(r.finished)
		}
	}
}

func (c *core) packRows(r *round, first, count int) {
	begin := time.Now()
	size := c.kernel.PanelA(c.n)
	for g := range count {
		proof.Keys(c.keys[:c.rows], r.seed, proof.A, first+g*c.rows)
		c.kernel.PackA(c.operand[g*size:][:size], c.keys[:c.rows], c.n)
	}
	c.meter.generate.Add(int64(time.Since(begin)))
}

// multiplyRows multiplies the packed rows by all of B: a panel of B passes by the
// rows, which stay in the cache. The context is looked at after each panel, which
// is a few milliseconds' work even in pure Go.
func (c *core) multiplyRows(ctx context.Context, r *round, first, count int) bool {
	begin := time.Now()
	sizeA, sizeB := c.kernel.PanelA(c.n), c.kernel.PanelB(c.n)
	across, wide := c.n/kernel.Tile, c.cols/kernel.Tile
	for p := range c.n / c.cols {
		if ctx.Err() != nil {
			return false
		}
		panel := r.operand[p*sizeB:][:sizeB]
		for g := range count {
			c.kernel.Multiply(c.leaves, c.operand[g*sizeA:][:sizeA], panel, c.n)
			for t := range c.rows / kernel.Tile {
				copy(r.leaves[((first+g*c.rows)/kernel.Tile+t)*across+p*wide:], c.leaves[t*wide:][:wide])
			}
		}
	}
	c.meter.multiply.Add(int64(time.Since(begin)))
	return true
}

// hash makes the chunk nodes of the rows' leaves: whole chunks, since a row of
// tiles has at least one.
func (c *core) hash(r *round, first, count int) {
	begin := time.Now()
	across := c.n / kernel.Tile
	from, to := first/kernel.Tile*across, (first+count*c.rows)/kernel.Tile*across
	copy(r.nodes[from/proof.ChunkLeaves:], proof.ChunkNodes(r.leaves[from:to]))
	c.meter.hash.Add(int64(time.Since(begin)))
}
