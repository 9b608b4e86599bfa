package runtime

// Tier says what separates a program from the host; more is stronger. The chain
// publishes the least tier of what a node offers.
type Tier uint32

// The tiers.
const (
	// TierNone: nothing that was measured.
	TierNone Tier = 0
	// TierContainer: a container on the host's kernel.
	TierContainer Tier = 1
	// TierUser: a container whose root is nobody on the host, or WebAssembly in a
	// process that the kernel fences in.
	TierUser Tier = 2
	// TierKernel: a kernel of its own in user space (gVisor).
	TierKernel Tier = 3
	// TierMachine: a virtual machine.
	TierMachine Tier = 4
)
