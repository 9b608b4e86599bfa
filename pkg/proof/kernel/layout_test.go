package kernel

import "encoding/binary"

// packed lays out given entries, rows of A or columns of B, as a kernel's panels
// have them: the layouts in so many words, for entries that no key gives.
func packed(k Kernel, a, b [][]int8) (panelA, panelB []byte) {
	n := len(a[0])
	panelA, panelB = Buffer(k.PanelA(n)), Buffer(k.PanelB(n))
	switch k.Name() {
	case "go":
		for i := range n {
			for p := range Tile / 2 {
				binary.NativeEndian.PutUint64(panelA[(i*Tile/2+p)*8:], uint64(int64(a[2*p][i])+int64(a[2*p+1][i])<<32))
			}
			for c := range b {
				panelB[c*n+i] = byte(b[c][i])
			}
		}
	case "avx2":
		for i := range n {
			for r := range a {
				binary.LittleEndian.PutUint16(panelA[((r/4*n/2+i/2)*4+r%4)*4+i%2*2:], uint16(a[r][i]))
			}
			for c := range b {
				binary.LittleEndian.PutUint16(panelB[(i/2*Tile+c)*4+i%2*2:], uint16(b[c][i]))
			}
		}
	case "vnni":
		for r := range a {
			group := panelA[r/8*(8*n+64):]
			var sum int32
			for i := range n {
				group[(i/4*8+r%8)*4+i%4] = byte(a[r][i])
				sum += int32(a[r][i])
			}
			binary.LittleEndian.PutUint32(group[8*n+r%8*4:], uint32(-128*sum))
		}
		for c := range b {
			for i := range n {
				panelB[(i/4*32+c)*4+i%4] = byte(b[c][i]) + 128
			}
		}
	case "amx":
		for i := range n {
			for r := range a {
				panelA[((i/64*2+r/16)*16+r%16)*64+i%64] = byte(a[r][i])
			}
			for c := range b {
				panelB[c/16*16*n+(i/4*16+c%16)*4+i%4] = byte(b[c][i])
			}
		}
	default:
		panic("the test does not know the layout of " + k.Name())
	}
	return panelA, panelB
}
