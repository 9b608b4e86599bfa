// Package cheaters holds every trick against the proof of computing that we know
// against a live chain: workers that are built from the real one with the tag
// emc_cheat (worker/power/strategy_cheat.go), beside honest ones.
package cheaters
