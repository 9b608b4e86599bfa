package kernel

import "fmt"

// SelfTest compares a kernel with the plain definition of the task, on this
// processor, in a few milliseconds.
func SelfTest(k Kernel) error {
	rows, cols := k.Shape()
	leaves := make([]uint64, block(k))
	for _, n := range []int{64, 192, 1024} {
		keys := func(from uint64, count int) []uint64 {
			out := make([]uint64, count)
			for i := range out {
				out[i] = mix(from + uint64(i))
			}
			return out
		}
		keysA, keysB := keys(uint64(n), rows), keys(uint64(n)<<32, cols)
		a, b := Buffer(k.PanelA(n)), Buffer(k.PanelB(n))
		k.PackA(a, keysA, n)
		k.PackB(b, keysB, n)
		k.Multiply(leaves, a, b, n)
		scratch := Buffer(k.TileScratch(n))
		for i, leaf := range leaves {
			tileA := (*[Tile]uint64)(keysA[i/(cols/Tile)*Tile:])
			tileB := (*[Tile]uint64)(keysB[i%(cols/Tile)*Tile:])
			want := Plain(tileA, tileB, n)
			if single := k.Leaf(tileA, tileB, n, scratch); leaf != want || single != want {
				return fmt.Errorf("kernel %s: leaf %d of a block with n = %d is %#x, and %#x by itself, expected %#x", k.Name(), i, n, leaf, single, want)
			}
		}
	}
	return nil
}

// Plain is a leaf by the definition, without any of what makes a kernel fast.
func Plain(rows, cols *[Tile]uint64, n int) (leaf uint64) {
	for _, a := range rows {
		for _, b := range cols {
			leaf += Fold(product(a, b, n))
		}
	}
	return leaf
}

// product is one entry of C.
func product(a, b uint64, n int) (sum int32) {
	for i := range n / Word {
		x, y := Entries(a, i), Entries(b, i)
		for k := range Word {
			sum += int32(int8(x>>(8*k))) * int32(int8(y>>(8*k)))
		}
	}
	return sum
}
