package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// every runs a test for each kernel of this machine.
func every(t *testing.T, test func(*testing.T, Kernel)) {
	for _, k := range All() {
		t.Run(k.Name(), func(t *testing.T) { test(t, k) })
	}
}

// What this processor has must also work on it: a kernel that fails its self-test
// is left out by All, and would be missed by every test below.
func TestPresentKernelsWork(t *testing.T) {
	for _, k := range append(present(), portable{}) {
		require.NoError(t, SelfTest(k))
		t.Logf("%s works", k.Name())
	}
}

// The self-test notices what it is there for.
func TestSelfTestNotices(t *testing.T) {
	for name, k := range map[string]Kernel{
		"a wrong block":       wrongBlock{portable{}},
		"a wrong single leaf": wrongLeaf{portable{}},
	} {
		require.Error(t, SelfTest(k), name)
	}
}

type wrongBlock struct{ portable }

func (k wrongBlock) Multiply(leaves []uint64, a, b []byte, n int) {
	k.portable.Multiply(leaves, a, b, n)
	leaves[0] ^= 1 << 63
}

type wrongLeaf struct{ portable }

func (k wrongLeaf) Leaf(rows, cols *[Tile]uint64, n int, scratch []byte) uint64 {
	return k.portable.Leaf(rows, cols, n, scratch) + 1
}

func TestNamed(t *testing.T) {
	for _, k := range All() {
		got, err := Named(k.Name())
		require.NoError(t, err)
		require.Equal(t, k, got)
	}
	best, err := Named("auto")
	require.NoError(t, err)
	require.Equal(t, Best(), best)
	_, err = Named("abacus")
	require.ErrorContains(t, err, "go")
}

func TestGenerator(t *testing.T) {
	// splitmix64 from 0, as published with its reference code.
	for i, want := range []uint64{0xe220a8397b1dcdaf, 0x6e789e6aa1b965f4, 0x06c45d188009454f} {
		require.Equal(t, want, Entries(0, i))
	}
}

func TestFold(t *testing.T) {
	for x, want := range map[int32]uint64{
		0:           0x0,
		1:           0x1654af19c3ac2276,
		-1:          0x58807e14d891cc4e,
		2147483647:  0x5b77acc7aeb8cc4e,
		-2147483648: 0x2f66b224a6b0000,
		268435456:   0x95ed1642d4d6000,
	} {
		require.Equal(t, want, Fold(x), "%d", x)
	}
}

// Entries that no key gives: the sums are as large as they can be, of either sign.
func TestExtremes(t *testing.T) { every(t, extremes) }

func extremes(t *testing.T, k Kernel) {
	rows, cols := k.Shape()
	for _, n := range []int{1, 3, 125, 2048} {
		n *= k.Step()
		if n > 16384 {
			n = 16384
		}
		for _, entries := range [][2]func(r, i int) int8{
			{always(-128), always(-128)},
			{always(-128), always(127)},
			{always(127), always(-128)},
			{always(127), always(127)},
			{alternating, always(-128)},
			{always(-128), alternating},
			{alternating, alternating},
			{onlyRow(5), always(127)},
			{always(-1), onlyRow(11)},
		} {
			a, b := matrix(rows, n, entries[0]), matrix(cols, n, entries[1])
			panelA, panelB := packed(k, a, b)
			leaves := make([]uint64, block(k))
			k.Multiply(leaves, panelA, panelB, n)
			for i, leaf := range leaves {
				want := plainEntries(a[i/(cols/Tile)*Tile:][:Tile], b[i%(cols/Tile)*Tile:][:Tile])
				require.Equal(t, want, leaf, "n = %d, leaf %d", n, i)
			}
		}
	}
}

func always(v int8) func(r, i int) int8 { return func(int, int) int8 { return v } }

func alternating(r, i int) int8 {
	if (r+i)%2 == 0 {
		return -128
	}
	return 127
}

func onlyRow(row int) func(r, i int) int8 {
	return func(r, i int) int8 {
		if r%Tile == row {
			return int8(i)
		}
		return 0
	}
}

func matrix(rows, n int, entry func(r, i int) int8) [][]int8 {
	out := make([][]int8, rows)
	for r := range out {
		out[r] = make([]int8, n)
		for i := range out[r] {
			out[r][i] = entry(r, i)
		}
	}
	return out
}

// plainEntries is Plain for given entries.
func plainEntries(a, b [][]int8) (leaf uint64) {
	for _, row := range a {
		for _, column := range b {
			var sum int32
			for i := range row {
				sum += int32(row[i]) * int32(column[i])
			}
			leaf += Fold(sum)
		}
	}
	return leaf
}

// A block's leaves change if any entry of it does: no part of the packed
// operands is left out, or read twice.
func TestEveryEntryCounts(t *testing.T) {
	every(t, func(t *testing.T, k Kernel) { everyEntryCounts(t, k, 1) })
}

// everyEntryCounts looks at one of so many entries.
func everyEntryCounts(t *testing.T, k Kernel, each int) {
	n := 2 * k.Step()
	rows, cols := k.Shape()
	random := rand.New(rand.NewPCG(1, 2))
	entry := func(int, int) int8 { return int8(random.Uint32()) }
	a, b := matrix(rows, n, entry), matrix(cols, n, entry)
	leaves := func() []uint64 {
		panelA, panelB := packed(k, a, b)
		out := make([]uint64, block(k))
		k.Multiply(out, panelA, panelB, n)
		return out
	}
	before := leaves()
	for _, m := range [][][]int8{a, b} {
		for at := 0; at < len(m)*n; at += each {
			r, i := at/n, at%n
			m[r][i] ^= 1
			require.NotEqual(t, before, leaves(), "entry %d of row or column %d", i, r)
			m[r][i] ^= 1
		}
	}
}

// tiles is how many tiles of random shapes each kernel has to agree on.
const tiles = 1_000_000

// Every kernel gives the same bytes as pure Go, and pure Go as the definition.
func TestKernelsAgree(t *testing.T) {
	count := tiles
	if testing.Short() {
		count = 20_000
	}
	every(t, func(t *testing.T, k Kernel) {
		t.Parallel()
		agree(t, k, count)
	})
}

// agree compares so many tiles of a kernel with pure Go.
func agree(t *testing.T, k Kernel, count int) {
	rows, cols := k.Shape()
	random := rand.New(rand.NewPCG(3, uint64(len(k.Name()))))
	keysA, keysB := make([]uint64, rows), make([]uint64, cols)
	leaves := make([]uint64, block(k))
	longest := 8 * k.Step()
	a, b, scratch := Buffer(k.PanelA(longest)), Buffer(k.PanelB(longest)), Buffer(portable{}.TileScratch(longest))
	for done := 0; done < count; {
		n := k.Step() * (1 + random.IntN(4))
		if done%100 < len(leaves) { // a few longer ones
			n = longest
		}
		for i := range keysA {
			keysA[i] = random.Uint64()
		}
		for i := range keysB {
			keysB[i] = random.Uint64()
		}
		k.PackA(a[:k.PanelA(n)], keysA, n)
		k.PackB(b[:k.PanelB(n)], keysB, n)
		k.Multiply(leaves, a[:k.PanelA(n)], b[:k.PanelB(n)], n)
		for i, leaf := range leaves {
			tileA, tileB := (*[Tile]uint64)(keysA[i/(cols/Tile)*Tile:]), (*[Tile]uint64)(keysB[i%(cols/Tile)*Tile:])
			var want uint64
			if k.Name() == "go" {
				want = Plain(tileA, tileB, n)
			} else {
				want = portable{}.Leaf(tileA, tileB, n, scratch)
			}
			if leaf != want {
				t.Fatalf("n = %d, leaf %d: %#x, expected %#x", n, i, leaf, want)
			}
			done++
		}
	}
}

// FuzzKernels looks for a key, or a shape, on which two kernels differ.
func FuzzKernels(f *testing.F) {
	f.Add(uint64(0), uint64(0), uint16(0))
	f.Add(^uint64(0), uint64(1), uint16(127))
	f.Fuzz(func(t *testing.T, seedA, seedB uint64, shape uint16) {
		n := Word * (1 + int(shape%256))
		var rows, cols [Tile]uint64
		for i := range rows {
			rows[i], cols[i] = seedA+uint64(i)*seedB, seedB-uint64(i)*seedA
		}
		want := Plain(&rows, &cols, n)
		for _, k := range All() {
			if got := k.Leaf(&rows, &cols, n, Buffer(k.TileScratch(n))); got != want {
				t.Fatalf("%s: %#x, expected %#x", k.Name(), got, want)
			}
		}
	})
}

// Kernels allocate nothing: the prover's memory is what it says.
func TestNoAllocation(t *testing.T) {
	every(t, func(t *testing.T, k Kernel) {
		const n = 64
		rows, cols := k.Shape()
		keysA, keysB, leaves := make([]uint64, rows), make([]uint64, cols), make([]uint64, block(k))
		a, b, scratch := Buffer(k.PanelA(n)), Buffer(k.PanelB(n)), Buffer(k.TileScratch(n))
		var one, other [Tile]uint64
		require.Zero(t, testing.AllocsPerRun(10, func() {
			k.PackA(a, keysA, n)
			k.PackB(b, keysB, n)
			k.Multiply(leaves, a, b, n)
			k.Leaf(&one, &other, n, scratch)
		}))
	})
}

func BenchmarkMultiply(b *testing.B) {
	for _, k := range All() {
		for _, n := range []int{1024, 4096} {
			b.Run(fmt.Sprintf("%s/%d", k.Name(), n), func(b *testing.B) {
				rows, cols := k.Shape()
				panelA, panelB := Buffer(k.PanelA(n)), Buffer(k.PanelB(n))
				leaves := make([]uint64, block(k))
				for b.Loop() {
					k.Multiply(leaves, panelA, panelB, n)
				}
				b.ReportMetric(float64(b.N)*float64(rows*cols*n)/b.Elapsed().Seconds()/1e9, "GMAC/s")
			})
		}
	}
}

func BenchmarkPeak(b *testing.B) {
	for _, k := range All() {
		b.Run(k.Name(), func(b *testing.B) {
			macs := k.Peak(b.N)
			b.ReportMetric(float64(macs)/b.Elapsed().Seconds()/1e9, "GMAC/s")
		})
	}
}

func BenchmarkPack(b *testing.B) {
	const n = 4096
	for _, k := range All() {
		rows, cols := k.Shape()
		b.Run(k.Name(), func(b *testing.B) {
			keysA, keysB := make([]uint64, rows), make([]uint64, cols)
			panelA, panelB := Buffer(k.PanelA(n)), Buffer(k.PanelB(n))
			for b.Loop() {
				k.PackA(panelA, keysA, n)
				k.PackB(panelB, keysB, n)
			}
			b.ReportMetric(float64(b.N)*float64((rows+cols)*n)/b.Elapsed().Seconds()/1e9, "GB/s")
		})
	}
}

func BenchmarkLeaf(b *testing.B) {
	const n = 4096
	for _, k := range All() {
		b.Run(k.Name(), func(b *testing.B) {
			scratch := Buffer(k.TileScratch(n))
			var rows, cols [Tile]uint64
			for b.Loop() {
				k.Leaf(&rows, &cols, n, scratch)
			}
		})
	}
}
