package types

import (
	"context"

	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"
)

// ComputeHooks tell later modules what happened here. They run inside the
// message's or the queue entry's own cache: an error undoes that one thing.
type ComputeHooks interface {
	// AfterNodeRegistered runs once the node is in the state.
	AfterNodeRegistered(ctx context.Context, node sdk.AccAddress) error
	// AfterNodeRetired runs once the node's last promise is over and its deposit is back.
	AfterNodeRetired(ctx context.Context, node sdk.AccAddress) error
	// AfterNodeSlashed runs after a node lost stake: burned by Slash, or paid out by Seize. Shortfall is by how much the promised stake now exceeds the stake.
	AfterNodeSlashed(ctx context.Context, node sdk.AccAddress, amount, shortfall math.Int) error
	// AfterPowerChanged runs after x/poc wrote a node's power, in micro-E. Shortfall as above, in micro-E.
	AfterPowerChanged(ctx context.Context, node sdk.AccAddress, power, shortfall uint64) error
	// AfterJobStarted runs when billed time begins.
	AfterJobStarted(ctx context.Context, job Job) error
	// AfterJobClosed runs once the escrow is paid out.
	AfterJobClosed(ctx context.Context, job Job) error
}

// MultiHooks calls several hooks in order and stops at the first error.
type MultiHooks []ComputeHooks

var _ ComputeHooks = MultiHooks{}

// AfterNodeRegistered implements ComputeHooks.
func (h MultiHooks) AfterNodeRegistered(ctx context.Context, node sdk.AccAddress) error {
	return h.each(func(k ComputeHooks) error { return k.AfterNodeRegistered(ctx, node) })
}

// AfterNodeRetired implements ComputeHooks.
func (h MultiHooks) AfterNodeRetired(ctx context.Context, node sdk.AccAddress) error {
	return h.each(func(k ComputeHooks) error { return k.AfterNodeRetired(ctx, node) })
}

// AfterNodeSlashed implements ComputeHooks.
func (h MultiHooks) AfterNodeSlashed(ctx context.Context, node sdk.AccAddress, amount, shortfall math.Int) error {
	return h.each(func(k ComputeHooks) error { return k.AfterNodeSlashed(ctx, node, amount, shortfall) })
}

// AfterPowerChanged implements ComputeHooks.
func (h MultiHooks) AfterPowerChanged(ctx context.Context, node sdk.AccAddress, power, shortfall uint64) error {
	return h.each(func(k ComputeHooks) error { return k.AfterPowerChanged(ctx, node, power, shortfall) })
}

// AfterJobStarted implements ComputeHooks.
func (h MultiHooks) AfterJobStarted(ctx context.Context, job Job) error {
	return h.each(func(k ComputeHooks) error { return k.AfterJobStarted(ctx, job) })
}

// AfterJobClosed implements ComputeHooks.
func (h MultiHooks) AfterJobClosed(ctx context.Context, job Job) error {
	return h.each(func(k ComputeHooks) error { return k.AfterJobClosed(ctx, job) })
}

func (h MultiHooks) each(call func(ComputeHooks) error) error {
	for _, hook := range h {
		if err := call(hook); err != nil {
			return err
		}
	}
	return nil
}

// NoopHooks does nothing; embed it to implement only some hooks.
type NoopHooks struct{}

var _ ComputeHooks = NoopHooks{}

// AfterNodeRegistered implements ComputeHooks.
func (NoopHooks) AfterNodeRegistered(context.Context, sdk.AccAddress) error { return nil }

// AfterNodeRetired implements ComputeHooks.
func (NoopHooks) AfterNodeRetired(context.Context, sdk.AccAddress) error { return nil }

// AfterNodeSlashed implements ComputeHooks.
func (NoopHooks) AfterNodeSlashed(context.Context, sdk.AccAddress, math.Int, math.Int) error {
	return nil
}

// AfterPowerChanged implements ComputeHooks.
func (NoopHooks) AfterPowerChanged(context.Context, sdk.AccAddress, uint64, uint64) error {
	return nil
}

// AfterJobStarted implements ComputeHooks.
func (NoopHooks) AfterJobStarted(context.Context, Job) error { return nil }

// AfterJobClosed implements ComputeHooks.
func (NoopHooks) AfterJobClosed(context.Context, Job) error { return nil }
