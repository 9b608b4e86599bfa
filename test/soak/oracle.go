package soak

import (
	"strconv"
	"sync"
)

// oracle computes what the guest's spin computes, each once.
type oracle struct {
	mu    sync.Mutex
	known map[string]uint64
}

func newOracle() *oracle { return &oracle{known: map[string]uint64{}} }

// spin is the result after so many million rounds.
func (o *oracle) spin(millions string) uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	if x, ok := o.known[millions]; ok {
		return x
	}
	n, _ := strconv.ParseUint(millions, 10, 64)
	x := uint64(1)
	for range n * 1_000_000 {
		x = xorshift(x)
	}
	o.known[millions] = x
	return x
}

// xorshift is Marsaglia's generator of 64 bits with the shifts 13, 7 and 17.
func xorshift(x uint64) uint64 {
	x ^= x << 13
	x ^= x >> 7
	x ^= x << 17
	return x
}
