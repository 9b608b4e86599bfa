package power

import (
	"context"
	"log/slog"
	"time"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/proof/kernel"
	"github.com/edgematrix/emc/worker/runtime"
	computetypes "github.com/edgematrix/emc/x/compute/types"
	poctypes "github.com/edgematrix/emc/x/poc/types"
)

// Chain is what the loop reads. *chainclient.Client has it.
type Chain interface {
	PocParams(ctx context.Context) (poctypes.Params, error)
	Window(ctx context.Context, height int64) (poctypes.Window, error)
	Proof(ctx context.Context, node string) (poctypes.QueryProofResponse, error)
	Power(ctx context.Context, node string) (poctypes.QueryPowerResponse, error)
	Rewards(ctx context.Context, operator string) (poctypes.Reward, error)
}

// Queue takes messages to the chain, each key once for all time.
type Queue interface {
	Put(key string, msg sdk.Msg) (added bool, err error)
	// Wake has what was put sent.
	Wake()
}

// Config is what a Loop needs.
type Config struct {
	// Dir keeps what a reveal needs over restarts.
	Dir     string
	ChainID string
	// Address is the node's, PubKey its compressed key.
	Address sdk.AccAddress
	PubKey  []byte
	Chain   Chain
	Queue   Queue
	// Freezers hold still what the worker runs.
	Freezers []runtime.Freezer
	// Node is what the chain has of this node; false when it is not registered, or
	// the chain has not been heard.
	Node func() (computetypes.Node, bool)

	// Kernel does the arithmetic; nil is the fastest of this machine.
	Kernel kernel.Kernel
	// Threads is how many cores prove; 0 is all.
	Threads int
	// Memory bounds all that the prover allocates, in bytes; 0 is 1 GiB.
	Memory int64
	// LogN is the logarithm of the matrices' size; 0 is what suits the kernel and
	// lets drawn rounds be computed again in time.
	LogN uint8

	Logger *slog.Logger
	// Thawed is told when programs go on. It may be nil.
	Thawed func()
	// Now is the clock of this machine; time.Now when nil.
	Now func() time.Time

	// measure tells how many rounds a second this machine does; tests replace it.
	measure func(ctx context.Context, c Config, logN uint8) (float64, error)
	// strategy is what the node does with its work; honest when nil.
	strategy strategy
}

const defaultMemory = 1 << 30

func (c Config) withDefaults() Config {
	if c.Kernel == nil {
		c.Kernel = kernel.Best()
	}
	if c.Memory == 0 {
		c.Memory = defaultMemory
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.measure == nil {
		c.measure = measure
	}
	if c.strategy == nil {
		c.strategy = newStrategy()
	}
	return c
}
