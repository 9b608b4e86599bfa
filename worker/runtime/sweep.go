package runtime

import (
	"context"
	"time"
)

// Sweeper is a runtime whose programs can outlive a killed worker.
type Sweeper interface {
	// Sweep finds what earlier workers of this node left behind and removes it.
	// What is not recognisably this node's is never touched.
	Sweep(ctx context.Context, o SweepOptions) ([]Leftover, error)
}

// SweepOptions say what may go.
type SweepOptions struct {
	// Grace is how old a leftover must be.
	Grace time.Duration
	// DryRun only tells what would go.
	DryRun bool
}

// Leftover is one thing that a dead worker left behind.
type Leftover struct {
	// Kind is "container", "volume" or "directory".
	Kind string `json:"kind"`
	Name string `json:"name"`
	// Task is the job that it belonged to.
	Task string `json:"task"`
	// Age since it was made.
	Age time.Duration `json:"age"`
	// Removed is false in a dry run, within the grace, and after an error.
	Removed bool `json:"removed"`
}
