package kernel

import "encoding/binary"

// portable is the kernel in pure Go. Two rows of A share one multiplication:
// (a0 + a1·2^32)·b holds both products, and their sums stay apart, since no sum
// of up to 16384 products leaves 31 bits.
type portable struct{}

// pairs is how many pairs of rows a block has.
const pairs = Tile / 2

func (portable) Name() string            { return "go" }
func (portable) Shape() (rows, cols int) { return Tile, Tile }
func (portable) Step() int               { return Word }

// PanelA: [n] of one 64-bit integer for each pair of rows.
func (portable) PanelA(n int) int { return n * pairs * 8 }

// PanelB: [16 columns] of n bytes.
func (portable) PanelB(n int) int { return n * Tile }

func (portable) PackA(dst []byte, keys []uint64, n int) {
	panel := as[[pairs]int64](dst)
	for p := range pairs {
		low, high := keys[2*p], keys[2*p+1]
		for i := range n / Word {
			l, h := Entries(low, i), Entries(high, i)
			for k := range Word {
				panel[i*Word+k][p] = int64(int8(l>>(8*k))) + int64(int8(h>>(8*k)))<<32
			}
		}
	}
}

func (portable) PackB(dst []byte, keys []uint64, n int) {
	for c, key := range keys {
		for i := range n / Word {
			binary.LittleEndian.PutUint64(dst[c*n+i*Word:], Entries(key, i))
		}
	}
}

func (p portable) Multiply(leaves []uint64, a, b []byte, n int) {
	rows := as[[pairs]int64](a)[:n]
	leaves[0] = 0
	for c := range Tile {
		for _, sum := range dot(rows, b[c*n:][:n]) {
			low := int32(sum)
			leaves[0] += Fold(low) + Fold(int32((sum-int64(low))>>32))
		}
	}
}

// dot is a column of B times every pair of rows.
func dot(rows [][pairs]int64, column []byte) [pairs]int64 {
	var s0, s1, s2, s3, s4, s5, s6, s7 int64
	column = column[:len(rows)]
	for k := range rows {
		row, v := &rows[k], int64(int8(column[k]))
		s0 += row[0] * v
		s1 += row[1] * v
		s2 += row[2] * v
		s3 += row[3] * v
		s4 += row[4] * v
		s5 += row[5] * v
		s6 += row[6] * v
		s7 += row[7] * v
	}
	return [pairs]int64{s0, s1, s2, s3, s4, s5, s6, s7}
}

func (p portable) TileScratch(n int) int { return p.PanelA(n) + p.PanelB(n) }

func (p portable) Leaf(rows, cols *[Tile]uint64, n int, scratch []byte) uint64 {
	a, b := scratch[:p.PanelA(n)], scratch[p.PanelA(n):]
	p.PackA(a, rows[:], n)
	p.PackB(b, cols[:], n)
	var leaf [1]uint64
	p.Multiply(leaf[:], a, b, n)
	return leaf[0]
}

// Peak is the loop of dot on one line of memory.
func (portable) Peak(iterations int) (macs int64) {
	const length = 64
	var rows [length][pairs]int64
	var column [length]byte
	for k := range rows {
		column[k] = byte(k)
		for p := range pairs {
			rows[k][p] = int64(k + p)
		}
	}
	var keep int64
	for range iterations {
		keep += dot(rows[:], column[:])[0]
	}
	sink(keep)
	return int64(iterations) * length * Tile
}

//go:noinline
func sink(int64) {}
