package prover

import (
	"fmt"
	"runtime"

	"github.com/edgematrix/emc/pkg/proof"
	"github.com/edgematrix/emc/pkg/proof/kernel"
)

const (
	// teamSize is how many cores share the operand B: so many have a cache in common.
	teamSize = 8
	// cacheBudget is how much of a core's second-level cache the rows of A may
	// take; the panel of B that passes by needs the rest.
	cacheBudget = 512 << 10
	// defaultMemory bounds the leaves that are kept.
	defaultMemory = 1 << 30
)

// Config says how a prover works. The zero value is the fastest kernel on all
// cores.
type Config struct {
	// Kernel does the arithmetic; nil is the fastest of this machine.
	Kernel kernel.Kernel
	// Threads is how many cores it takes; 0 is all that Go may use.
	Threads int
	// Memory bounds the leaf digests that are kept, in bytes; 0 is 1 GiB. Rounds
	// beyond it are multiplied again if they are drawn.
	Memory int64
	// Rounds ends the work after so many; 0 is as many as a commitment may have.
	Rounds uint64
}

func (c Config) withDefaults() (Config, error) {
	if c.Kernel == nil {
		c.Kernel = kernel.Best()
	}
	if c.Threads == 0 {
		c.Threads = runtime.GOMAXPROCS(0)
	}
	if c.Memory == 0 {
		c.Memory = defaultMemory
	}
	if c.Rounds == 0 {
		c.Rounds = proof.MaxRounds
	}
	if c.Threads < 0 || c.Memory < 0 || c.Rounds > proof.MaxRounds {
		return c, fmt.Errorf("prover: %d threads, %d bytes of memory and %d rounds: expected no negative number, and at most %d rounds",
			c.Threads, c.Memory, c.Rounds, proof.MaxRounds)
	}
	return c, nil
}

// teams is how many rounds are under way at once.
func (c Config) teams() int { return (c.Threads + teamSize - 1) / teamSize }

// groups is how many blocks of rows a core packs at once.
func groups(k kernel.Kernel, n int) int {
	rows, _ := k.Shape()
	return max(1, min(cacheBudget/k.PanelA(n), n/rows))
}

// roundMemory is the size of a round's leaves.
func roundMemory(logN uint8) int64 { return int64(proof.Leaves(logN)) * 8 }

// Footprint is the memory in bytes that a prover of n = 2^logN allocates at most:
// operands, the rounds under way, and the leaves that it keeps.
func Footprint(c Config, logN uint8) (int64, error) {
	c, err := c.withDefaults()
	if err != nil {
		return 0, err
	}
	n := 1 << logN
	_, cols := c.Kernel.Shape()
	operandB := operandSize(c.Kernel.PanelB(n) * (n / cols))
	underWay := roundMemory(logN) + int64(proof.Chunks(logN))*int64(len(proof.Digest{}))
	perTeam := 2 * (operandB + underWay)
	perThread := int64(c.Kernel.PanelA(n)) * int64(groups(c.Kernel, n))
	return perTeam*int64(c.teams()) + perThread*int64(c.Threads) + c.Memory, nil
}

// Suited is the n = 2^logN that suits a kernel: large enough to hide what is not
// multiplication, small enough that little is lost when the window closes in the
// middle of a round.
func Suited(k kernel.Kernel) (logN uint8) {
	switch k.Name() {
	case "go":
		return 10
	case "avx2":
		return 11
	default:
		return 12
	}
}
