package main

import (
	"slices"
	"time"
)

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
