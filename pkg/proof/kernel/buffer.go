package kernel

import "unsafe"

// cacheLine is how panels are aligned: a load that crosses a line is two.
const cacheLine = 64

// Buffer makes room for panels, aligned to cache lines.
func Buffer(size int) []byte {
	raw := make([]byte, size+cacheLine-1)
	skip := -int(uintptr(unsafe.Pointer(unsafe.SliceData(raw)))) & (cacheLine - 1)
	return raw[skip : skip+size : skip+size]
}

// as reads a panel as other integers of this machine.
func as[T any](panel []byte) []T {
	var t T
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(panel))), len(panel)/int(unsafe.Sizeof(t)))
}
