//go:build !linux

package prover

// adviseHuge does nothing where large pages are not asked for.
func adviseHuge([]byte) {}
