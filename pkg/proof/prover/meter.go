package prover

import (
	"sync/atomic"
	"time"
)

// Meter counts what the cores did. Its times are sums over cores.
type Meter struct {
	rounds                   atomic.Int64
	generate, multiply, hash atomic.Int64
}

// Usage is what a Meter has counted.
type Usage struct {
	// Rounds are the finished ones.
	Rounds uint64
	// Generate is the time in which operands were made, Multiply the time of
	// products and folds, Hash the time of leaves' hashes.
	Generate, Multiply, Hash time.Duration
}

func (m *Meter) usage() Usage {
	return Usage{
		Rounds: uint64(m.rounds.Load()), Generate: time.Duration(m.generate.Load()),
		Multiply: time.Duration(m.multiply.Load()), Hash: time.Duration(m.hash.Load()),
	}
}
