package main

import (
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// processorTime is what this process has used so far, on all cores.
func processorTime() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		panic(err) // cannot fail with these arguments
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	if len(sorted) == 0 {
		return 0
	}
	return sorted[len(sorted)/2]
}

func seconds(spans []time.Duration) []float64 {
	out := make([]float64, len(spans))
	for i, s := range spans {
		out[i] = s.Seconds()
	}
	return out
}

// best is the least disturbed of several runs of the same work, in seconds.
func best(spans []time.Duration) float64 { return slices.Min(seconds(spans)) }
