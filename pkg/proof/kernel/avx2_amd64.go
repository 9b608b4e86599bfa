package kernel

// avx2 multiplies with AVX2, on entries widened to 16 bits.
type avx2 struct{}

// avx2Rows is how many rows one multiplication holds in registers.
const avx2Rows = 4

func (avx2) Name() string            { return "avx2" }
func (avx2) Shape() (rows, cols int) { return Tile, Tile }
func (avx2) Step() int               { return Word }

// PanelA: four groups of four rows, each [n/2][4 rows][2 int16].
func (avx2) PanelA(n int) int { return 2 * n * Tile }

// PanelB: [n/2][16 columns][2 int16].
func (avx2) PanelB(n int) int { return 2 * n * Tile }

// avx2Group is the size of four packed rows.
func avx2Group(n int) int { return 2 * n * avx2Rows }

func (avx2) PackA(dst []byte, keys []uint64, n int) {
	_, _ = dst[2*n*Tile-1], keys[Tile-1]
	for g := range Tile / avx2Rows {
		avx2Pack(&dst[g*avx2Group(n)], &keys[g*avx2Rows], n/Word, 4*avx2Rows)
	}
}

func (avx2) PackB(dst []byte, keys []uint64, n int) {
	_, _ = dst[2*n*Tile-1], keys[Tile-1]
	for g := range Tile / avx2Rows {
		avx2Pack(&dst[g*4*avx2Rows], &keys[g*avx2Rows], n/Word, 4*Tile)
	}
}

func (avx2) Multiply(leaves []uint64, a, b []byte, n int) {
	_, _ = a[2*n*Tile-1], b[2*n*Tile-1]
	leaves[0] = 0
	for g := range Tile / avx2Rows {
		avx2Multiply(&leaves[0], &a[g*avx2Group(n)], &b[0], n/2)
	}
}

func (k avx2) TileScratch(n int) int { return k.PanelA(n) + k.PanelB(n) }

func (k avx2) Leaf(rows, cols *[Tile]uint64, n int, scratch []byte) uint64 {
	a, b := scratch[:k.PanelA(n)], scratch[k.PanelA(n):]
	k.PackA(a, rows[:], n)
	k.PackB(b, cols[:], n)
	var leaf [1]uint64
	k.Multiply(leaf[:], a, b, n)
	return leaf[0]
}

func (avx2) Peak(iterations int) (macs int64) {
	const each = 8 * 16 // instructions, and products of each
	avx2Peak(iterations)
	return int64(iterations) * each
}

//go:noescape
func avx2Pack(dst *byte, keys *uint64, words, stride int)

//go:noescape
func avx2Multiply(leaf *uint64, a, b *byte, pairs int)

//go:noescape
func avx2Peak(iterations int)
