package kernel

// vnni multiplies with AVX-512 VNNI.
type vnni struct{}

const (
	// vnniRows is how many rows one multiplication holds in registers; a block
	// has two such groups.
	vnniRows = 8
	vnniCols = 32
	// vnniFlip adds 128 to each entry of a word: VPDPBUSD takes one side unsigned.
	vnniFlip = 0x8080808080808080
)

func (vnni) Name() string            { return "vnni" }
func (vnni) Shape() (rows, cols int) { return Tile, vnniCols }
func (vnni) Step() int               { return Word }

// vnniPanel is the size of eight packed rows: the entries, and the first values
// of their sums, up to the next cache line.
func vnniPanel(n int) int { return n*vnniRows + cacheLine }

// PanelA: two groups of eight rows, each [n/4][8 rows][4 bytes], then 8 int32.
func (vnni) PanelA(n int) int { return Tile / vnniRows * vnniPanel(n) }

// PanelB: [n/4][32 columns][4 bytes].
func (vnni) PanelB(n int) int { return n * vnniCols }

func (vnni) PackA(dst []byte, keys []uint64, n int) {
	_, _ = dst[Tile/vnniRows*vnniPanel(n)-1], keys[Tile-1]
	vnniPackA(&dst[0], &keys[0], n/Word)
	vnniPackA(&dst[vnniPanel(n)], &keys[vnniRows], n/Word)
}

func (vnni) PackB(dst []byte, keys []uint64, n int) {
	const stride = vnniCols * 4
	_, _ = dst[n*vnniCols-1], keys[vnniCols-1]
	vnniPackB(&dst[0], &keys[0], n/Word, stride, vnniFlip)
	vnniPackB(&dst[stride/2], &keys[vnniCols/2], n/Word, stride, vnniFlip)
}

func (vnni) Multiply(leaves []uint64, a, b []byte, n int) {
	_, _ = a[Tile/vnniRows*vnniPanel(n)-1], b[n*vnniCols-1]
	out := (*[vnniCols / Tile]uint64)(leaves)
	*out = [vnniCols / Tile]uint64{}
	vnniMultiply32(out, &a[0], &b[0], n/Word)
	vnniMultiply32(out, &a[vnniPanel(n)], &b[0], n/Word)
}

func (k vnni) TileScratch(n int) int { return k.PanelA(n) + n*Tile }

func (k vnni) Leaf(rows, cols *[Tile]uint64, n int, scratch []byte) (leaf uint64) {
	_ = scratch[k.TileScratch(n)-1]
	a, b := scratch, scratch[k.PanelA(n):]
	k.PackA(a, rows[:], n)
	vnniPackB(&b[0], &cols[0], n/Word, Tile*4, vnniFlip)
	vnniMultiply16(&leaf, &a[0], &b[0], n/Word)
	vnniMultiply16(&leaf, &a[vnniPanel(n)], &b[0], n/Word)
	return leaf
}

func (vnni) Peak(iterations int) (macs int64) {
	const each = 16 * 64 // instructions, and products of each
	vnniPeak(iterations)
	return int64(iterations) * each
}

//go:noescape
func vnniPackA(dst *byte, keys *uint64, words int)

//go:noescape
func vnniPackB(dst *byte, keys *uint64, words, stride int, flip uint64)

//go:noescape
func vnniMultiply32(leaves *[2]uint64, a, b *byte, words int)

//go:noescape
func vnniMultiply16(leaf *uint64, a, b *byte, words int)

//go:noescape
func vnniPeak(iterations int)
