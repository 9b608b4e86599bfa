package types

import "context"

// MarketHooks tell later modules what happened here. They run inside the
// message's own cache: an error undoes it.
type MarketHooks interface {
	// AfterReceiptRecorded runs once a receipt is shown to be settled; x/poc may audit it.
	AfterReceiptRecorded(ctx context.Context, evidence Evidence) error
	// AfterOverIssue runs after a router was found to have vouched for more than its allotment.
	AfterOverIssue(ctx context.Context, router, node string, amount uint64) error
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

// NoopHooks does nothing; embed it to implement only some hooks.
type NoopHooks struct{}

var _ MarketHooks = NoopHooks{}

// AfterReceiptRecorded implements MarketHooks.
func (NoopHooks) AfterReceiptRecorded(context.Context, Evidence) error { return nil }

// AfterOverIssue implements MarketHooks.
func (NoopHooks) AfterOverIssue(context.Context, string, string, uint64) error { return nil }
