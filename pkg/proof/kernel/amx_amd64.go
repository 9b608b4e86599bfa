package kernel

// amx multiplies with AMX-int8. Single tiles are vnni's: what has the one has the
// other, and a single tile does not fill the larger unit.
type amx struct{ vnni }

const (
	amxRows = 32
	amxCols = 128
	// amxStep is how many entries one multiplication of tiles takes.
	amxStep = 64
)

func (amx) Name() string            { return "amx" }
func (amx) Shape() (rows, cols int) { return amxRows, amxCols }
func (amx) Step() int               { return amxStep }

// PanelA: [n/64][2 groups of rows][16 rows][64 bytes].
func (amx) PanelA(n int) int { return n * amxRows }

// PanelB: [8 groups of columns][n/4][16 columns][4 bytes].
func (amx) PanelB(n int) int { return n * amxCols }

func (amx) PackA(dst []byte, keys []uint64, n int) {
	_, _ = dst[n*amxRows-1], keys[amxRows-1]
	const words = amxStep / Word
	var states [words + 1]uint64
	states[words] = mul64(golden, words)
	for r, key := range keys[:amxRows] {
		for i := range words {
			// The first step of the generator brings each to its word.
			states[i] = key + mul64(golden, uint64(i+1)) - states[words]
		}
		amxPackRow(&dst[r*amxStep], &states, n/amxStep)
	}
}

// mul64 keeps the compiler from finding that a constant product does not fit.
func mul64(a, b uint64) uint64 { return a * b }

func (amx) PackB(dst []byte, keys []uint64, n int) {
	_, _ = dst[n*amxCols-1], keys[amxCols-1]
	for g := range amxCols / Tile {
		vnniPackB(&dst[g*n*Tile], &keys[g*Tile], n/Word, 4*Tile, 0)
	}
}

func (amx) Multiply(leaves []uint64, a, b []byte, n int) {
	_, _ = a[n*amxRows-1], b[n*amxCols-1]
	out := (*[amxRows / Tile * (amxCols / Tile)]uint64)(leaves)
	*out = [len(out)]uint64{}
	amxMultiply(&out[0], &a[0], &b[0], n/amxStep)
}

func (amx) Peak(iterations int) (macs int64) {
	const each = 4 * 16 * 16 * 64 // instructions, and products of each
	amxPeak(iterations)
	return int64(iterations) * each
}

//go:noescape
func amxPackRow(dst *byte, states *[9]uint64, steps int)

//go:noescape
func amxMultiply(leaves *uint64, a, b *byte, steps int)

//go:noescape
func amxPeak(iterations int)
