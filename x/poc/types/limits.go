package types

const (
	// MaxDrawBlocks is how many beacons are looked through for a draw.
	MaxDrawBlocks = 1_000
	// MaxSamples bounds what a node may have to open, and with it the size of a proof.
	MaxSamples = 64
	// KeptWindows is how many windows can be read.
	KeptWindows = 1_000
)
