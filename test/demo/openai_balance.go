package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/edgematrix/emc/test/e2e/rig"
)

// settle closes the session, and explains what everybody has.
func (g *gate) settle(ctx context.Context) error {
	var usage struct {
		Spent    int64 `json:"spent"`
		Reserved int64 `json:"reserved"`
	}
	// A client has the end of a stream a moment before the key is charged for it.
	if err := rig.Eventually(ctx, readyTime, "the key is charged for all answers", func() (bool, error) {
		err := g.fetch(ctx, strings.TrimSuffix(g.base, "/v1")+"/emc/v1/usage", nil, &usage)
		return err == nil && usage.Reserved == 0, fmt.Errorf("%d uemc are reserved: %w", usage.Reserved, err)
	}); err != nil {
		return err
	}
	g.say("the API key has spent %s: %d answers with %d tokens at %d uemc", emc(usage.Spent), g.answers, g.tokens, pricePerUnit)
	if usage.Spent != g.tokens*pricePerUnit {
		return fmt.Errorf("the key has spent %d uemc, expected %d", usage.Spent, g.tokens*pricePerUnit)
	}
	// The last answers are vouched for when the lane has rested; who closes before takes them for nothing.
	if err := rig.Eventually(ctx, readyTime, "the router has vouched for all answers", func() (bool, error) {
		s, err := g.router.Status(ctx)
		return err == nil && s.Exposure.Cosigned[g.id] == usage.Spent, fmt.Errorf("%d of %d uemc: %w", s.Exposure.Cosigned[g.id], usage.Spent, err)
	}); err != nil {
		return err
	}
	if err := g.typed(ctx, "carol", "market", "close-session", g.id); err != nil {
		return err
	}
	return g.balance(ctx, usage.Spent)
}

// balance waits until the session is settled, and explains every uemc of it.
func (g *gate) balance(ctx context.Context, spent int64) error {
	var s chainSession
	if err := rig.Eventually(ctx, partTime, "the session is settled", func() (bool, error) {
		_, err := g.net.Get(ctx, "/emc/market/v1/sessions/"+g.id, 0, &s)
		return s.Session.Status == "SESSION_STATUS_SETTLED", err
	}); err != nil {
		return err
	}
	var lanes struct {
		Lanes []chainLane `json:"lanes"`
	}
	if _, err := g.net.Get(ctx, "/emc/market/v1/sessions/"+g.id+"/lanes", 0, &lanes); err != nil {
		return err
	}
	if len(lanes.Lanes) != 1 || int64(lanes.Lanes[0].Amount) != spent || int64(lanes.Lanes[0].Count) < g.answers { // a call that was turned away has a receipt, too
		return fmt.Errorf("the chain settled %+v, expected one lane of at least %d receipts and %d uemc", lanes.Lanes, g.answers, spent)
	}
	redemptions, err := g.redemptions(ctx)
	if err != nil {
		return err
	}
	g.say("the worker redeemed its vouchers by itself: %d receipts for %s in %d transaction(s); the session is settled: %s", lanes.Lanes[0].Count, emc(spent), redemptions, s.Words)
	parts, refund := shares(spent), int64(s.Session.Refunded)
	g.say("session: deposit %s = miner %s + router %s + validators %s + back to carol %s; its escrow is empty",
		emc(purchase), emc(parts.node), emc(parts.router), emc(parts.validators), emc(refund))
	if refund != purchase-spent || s.Escrow.Amount != 0 {
		return fmt.Errorf("%d uemc came back and %d are still in the escrow, expected %d and none", refund, s.Escrow.Amount, purchase-spent)
	}
	for i, book := range []struct {
		name  string
		lines []entry
	}{
		{"miner", []entry{{"calls", parts.node}}},
		{"router", []entry{{"its share of the calls", parts.router}}},
		{"carol", []entry{{"deposit", -purchase}, {"refund", refund}}},
	} {
		if err := g.explain(ctx, book.name, g.books[i], book.lines); err != nil {
			return err
		}
	}
	return g.money.Check(ctx)
}

// redemptions counts the transactions with which the worker took its vouchers to the chain, at its operator's cost.
func (g *gate) redemptions(ctx context.Context) (n int, err error) {
	miner := g.books[0]
	// The index of transactions follows the blocks a moment later.
	err = rig.Eventually(ctx, rig.FitTimeout, "the redemption is found", func() (bool, error) {
		height, err := g.net.Height(ctx)
		if err != nil {
			return false, err
		}
		list, err := g.net.PaidBy(ctx, miner.Address, miner.Height, height)
		n = 0
		for _, t := range list {
			if strings.Join(t.Messages(), "") == "RedeemVouchers" {
				n++
			}
		}
		return n > 0, err
	})
	return n, err
}
