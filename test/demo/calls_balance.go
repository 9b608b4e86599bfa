package main

import (
	"context"
	"fmt"

	"github.com/edgematrix/emc/test/e2e/rig"
)

// recordFee is what the chain asks for the record of a receipt, in uemc.
const recordFee = 10_000

// entry is a line of somebody's books, in uemc.
type entry struct {
	words  string
	amount int64
}

// balance waits until the session is settled, and explains what everybody has, line by line.
func (m *market) balance(ctx context.Context, parts redeemed) error {
	var s chainSession
	err := rig.Eventually(ctx, partTime, "the session is settled", func() (bool, error) {
		_, err := m.net.Get(ctx, "/emc/market/v1/sessions/"+m.session.ID.String(), 0, &s)
		return s.Session.Status == "SESSION_STATUS_SETTLED", err
	})
	if err != nil {
		return err
	}
	refund := int64(s.Session.Refunded)
	m.say("the session is settled: %s", s.Words)
	if refund != deposit-parts.paid || s.Escrow.Amount != 0 {
		return fmt.Errorf("%d uemc came back and %d are still in the escrow, expected %d and none", refund, s.Escrow.Amount, deposit-parts.paid)
	}
	m.say("session: deposit %s = bob %s + carol %s + validators %s + back to alice %s; its escrow is empty",
		emc(deposit), emc(parts.node), emc(parts.router), emc(parts.validators), emc(refund))
	node, router, err := m.deposits(ctx)
	if err != nil {
		return err
	}
	for i, book := range []struct {
		name  string
		lines []entry
	}{
		{"alice", []entry{{"deposit", -deposit}, {"refund", refund}, {"record of a receipt", -recordFee}}},
		{"bob", []entry{{"stake of the node", -bond}, {"deposit for its record", -node}, {"calls", parts.node}}},
		{"carol", []entry{{"stake of the router", -bond}, {"deposit for its record", -router}, {"her share of the calls", parts.router}}},
	} {
		if err := m.explain(ctx, book.name, m.books[i], book.lines); err != nil {
			return err
		}
	}
	for name, key := range map[string]keyPair{"node": m.node, "router": m.router, "session": m.sessionKey} {
		uemc, err := m.net.Balance(ctx, key.address().String())
		if err != nil {
			return err
		}
		if uemc != 0 {
			return fmt.Errorf("the %s's own account has %d uemc, expected none", name, uemc)
		}
	}
	return m.money.Check(ctx)
}

// deposits are what the chain keeps for the records of the node and of the router, until they leave.
func (m *market) deposits(ctx context.Context) (node, router int64, err error) {
	n, err := m.net.Node(ctx, m.node.address().String())
	if err != nil {
		return 0, 0, err
	}
	r, err := m.net.Node(ctx, m.router.address().String())
	return int64(n.Deposit), int64(r.Deposit), err
}

// explain holds one account against its lines, to the last uemc.
func (m *market) explain(ctx context.Context, name string, before rig.Account, lines []entry) error {
	change := int64(0)
	words := fmt.Sprintf("%-5s %s", name, emc(before.Uemc))
	for _, l := range lines {
		change += l.amount
		words += signed(l.amount) + " " + l.words
	}
	if err := m.net.Expect(ctx, before, change); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	height, err := m.net.Height(ctx)
	if err != nil {
		return err
	}
	now, err := m.net.BalanceAt(ctx, before.Address, height)
	if err != nil {
		return err
	}
	m.say("%s%s fees of transactions = %s", words, signed(now-before.Uemc-change), emc(now))
	return nil
}

// signed writes an amount as a term of a sum.
func signed(uemc int64) string {
	if uemc < 0 {
		return " - " + emc(-uemc)
	}
	return " + " + emc(uemc)
}
