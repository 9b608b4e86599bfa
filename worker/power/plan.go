package power

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/edgematrix/emc/pkg/proof"
	"github.com/edgematrix/emc/pkg/proof/prover"
	poctypes "github.com/edgematrix/emc/x/poc/types"
)

// teamSize is how many cores share a round (pkg/proof/prover): fewer rounds than
// there are teams take as long as one for each.
const teamSize = 8

// plan is how this machine proves under given rules.
type plan struct {
	logN uint8
	// rounds bounds a commitment, so that whatever is drawn of it can be opened in
	// half the time for it, also after a restart that has lost all leaves.
	rounds    uint64
	rate      float64 // rounds a second, as measured
	config    prover.Config
	workspace *prover.Workspace
}

// rules are the parameters that a plan follows from.
type rules struct {
	samples   uint32
	maxRounds uint64
	half      time.Duration // of the time for reveals, nominally
}

func rulesOf(p poctypes.Params) rules {
	block := time.Duration(p.WindowMilliseconds) * time.Millisecond / time.Duration(max(p.WindowBlocks, 1))
	return rules{
		samples: max(p.Samples, p.SuspectSamples), maxRounds: min(p.MaxRounds, proof.MaxRounds),
		half: time.Duration(p.RevealBlocks) * block / 2,
	}
}

// newPlan takes the largest suited size whose drawn rounds can be computed again
// in time, or the configured one, and reserves the memory.
func newPlan(ctx context.Context, c Config, r rules) (*plan, error) {
	logN := c.LogN
	if logN == 0 {
		logN = prover.Suited(c.Kernel)
	}
	for ; ; logN-- {
		last := c.LogN != 0 || logN == proof.MinLogN
		config, err := c.prover(logN)
		if err != nil && last {
			return nil, err
		}
		if err != nil {
			continue
		}
		rate, err := c.measure(ctx, c, logN)
		if err != nil {
			return nil, err
		}
		again := affordable(rate, r.half, config.Threads)
		if again < uint64(r.samples) && !last {
			continue
		}
		config.Rounds = r.maxRounds
		if again < uint64(r.samples) {
			// At most all of so few rounds can be drawn.
			config.Rounds = min(config.Rounds, again)
		}
		if config.Rounds == 0 {
			return nil, fmt.Errorf("this machine needs more than %s, half of the time for a reveal, for one round of n = %d; it cannot prove its power",
				r.half, 1<<logN)
		}
		p := &plan{logN: logN, rounds: config.Rounds, rate: rate, config: config}
		p.workspace, err = prover.Reserve(config, logN)
		return p, err
	}
}

// affordable is how many rounds can be computed again in the time.
func affordable(rate float64, limit time.Duration, threads int) uint64 {
	teams := uint64(threads+teamSize-1) / teamSize
	return uint64(rate*limit.Seconds()/float64(teams)) * teams
}

// prover is the configuration of a prover within the memory.
func (c Config) prover(logN uint8) (prover.Config, error) {
	config := prover.Config{Kernel: c.Kernel, Threads: threadsOf(c), Memory: 1}
	operands, err := prover.Footprint(config, logN)
	if err != nil {
		return config, err
	}
	if operands > c.Memory {
		return config, fmt.Errorf("proof.memory is %d bytes; matrices of n = %d on %d threads need %d: raise it, or lower proof.threads or proof.log2_n",
			c.Memory, 1<<logN, config.Threads, operands)
	}
	config.Memory += c.Memory - operands
	return config, nil
}

// measure does some rounds of a window that nobody opened.
func measure(ctx context.Context, c Config, logN uint8) (float64, error) {
	config, err := c.prover(logN)
	if err != nil {
		return 0, err
	}
	config.Memory = 1 // nothing of it is opened
	teams := uint64(config.Threads+teamSize-1) / teamSize
	w := proof.Window{ChainID: "emc-measure", Kind: proof.KindInt8, LogN: logN}
	var took time.Duration
	for _, rounds := range []uint64{teams, 2 * teams} { // the first ones warm up
		config.Rounds = rounds
		p, err := prover.New(w, config)
		if err != nil {
			return 0, err
		}
		begin := time.Now()
		p.Run(ctx)
		took = time.Since(begin)
		if err := ctx.Err(); err != nil {
			return 0, err
		}
	}
	return float64(config.Rounds) / took.Seconds(), nil
}

// threadsOf is how many cores prove.
func threadsOf(c Config) int {
	if c.Threads > 0 {
		return c.Threads
	}
	return runtime.GOMAXPROCS(0)
}
