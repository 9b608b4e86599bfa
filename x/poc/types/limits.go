package types

const (
	// MaxDrawBlocks is how many beacons are looked through for a draw.
	MaxDrawBlocks = 1_000
	// MaxSamples bounds what a node may have to open, and with it the size of a proof.
	MaxSamples = 64
	// MaxPowerWindows bounds how many windows count for a node's market power.
	MaxPowerWindows = 100
	// KeptWindowBlocks is for how many blocks a window can be read.
	KeptWindowBlocks = 1_000_000
	// MaxProbeTargets bounds what is probed in an epoch, and with it the size of a report.
	MaxProbeTargets = 10_000
	// KeptEpochs is how many epochs of probes can be read.
	KeptEpochs = 48
)
