package types

import (
	"context"

	computetypes "github.com/edgematrix/emc/x/compute/types"
)

// MarketHooks tell later modules what happened here. They run inside the
// message's or the agenda entry's own cache: an error undoes that one thing.
type MarketHooks interface {
	// AfterReceiptRecorded runs once a receipt is shown to be settled; x/poc may audit it.
	AfterReceiptRecorded(ctx context.Context, evidence Evidence) error
	// AfterOverIssue runs after a router was found to have vouched for more than its allotment.
	AfterOverIssue(ctx context.Context, router, node string, amount uint64) error
	// AfterSessionSettled runs once a session's rest is paid out.
	AfterSessionSettled(ctx context.Context, session Session) error
	// AfterSessionJobClosed runs after a job that a session paid for is over, and its refund is where it belongs. Of a session
	// that left the state meanwhile only the id, the owner, the funder and the source are known.
	AfterSessionJobClosed(ctx context.Context, session Session, job computetypes.Job) error
}

// MultiHooks calls several hooks in order and stops at the first error.
type MultiHooks []MarketHooks

var _ MarketHooks = MultiHooks{}

// AfterReceiptRecorded implements MarketHooks.
func (h MultiHooks) AfterReceiptRecorded(ctx context.Context, evidence Evidence) error {
	for _, hook := range h {
		if err := hook.AfterReceiptRecorded(ctx, evidence); err != nil {
			return err
		}
	}
	return nil
}

// AfterOverIssue implements MarketHooks.
func (h MultiHooks) AfterOverIssue(ctx context.Context, router, node string, amount uint64) error {
	for _, hook := range h {
		if err := hook.AfterOverIssue(ctx, router, node, amount); err != nil {
			return err
		}
	}
	return nil
}

// AfterSessionSettled implements MarketHooks.
func (h MultiHooks) AfterSessionSettled(ctx context.Context, session Session) error {
	for _, hook := range h {
		if err := hook.AfterSessionSettled(ctx, session); err != nil {
			return err
		}
	}
	return nil
}

// AfterSessionJobClosed implements MarketHooks.
func (h MultiHooks) AfterSessionJobClosed(ctx context.Context, session Session, job computetypes.Job) error {
	for _, hook := range h {
		if err := hook.AfterSessionJobClosed(ctx, session, job); err != nil {
			return err
		}
	}
	return nil
}

// NoopHooks does nothing; embed it to implement only some hooks.
type NoopHooks struct{}

var _ MarketHooks = NoopHooks{}

// AfterReceiptRecorded implements MarketHooks.
func (NoopHooks) AfterReceiptRecorded(context.Context, Evidence) error { return nil }

// AfterOverIssue implements MarketHooks.
func (NoopHooks) AfterOverIssue(context.Context, string, string, uint64) error { return nil }

// AfterSessionSettled implements MarketHooks.
func (NoopHooks) AfterSessionSettled(context.Context, Session) error { return nil }

// AfterSessionJobClosed implements MarketHooks.
func (NoopHooks) AfterSessionJobClosed(context.Context, Session, computetypes.Job) error { return nil }
