package main

import (
	"context"
	"fmt"
	"strings"
)

// balance ends the socket, and explains what everybody has, line by line.
func (o *outlet) balance(ctx context.Context, u used) error {
	if _, err := o.tx(ctx, "bob", "socket", "burn", o.socket); err != nil {
		return err
	}
	v, err := o.look(ctx)
	if err != nil {
		return err
	}
	s := v.View.Socket
	back, rest := int64(s.Refunded), int64(s.Paid)
	o.say("bob has no more use for it: %s; the chain saw the node out for %d s", v.View.State, s.Outage)
	switch left := firstPrice - u.job - u.calls.paid; {
	case !strings.HasSuffix(s.Status, "_SETTLED") || v.Escrow.Amount != 0:
		return fmt.Errorf("the socket is %s and its escrow holds %d uemc, expected that all is paid", s.Status, v.Escrow.Amount)
	case back+rest != left:
		return fmt.Errorf("%d and %d uemc were paid out of %d", back, rest, left)
	case s.Outage == 0 && back != 0:
		return fmt.Errorf("%d uemc came back, and the node was never out", back)
	}
	o.say("socket: %s = job %s + calls %s (miner %s, carol %s, validators %s) + back to bob %s + unused, the miner's %s",
		emc(firstPrice), emc(u.job), emc(u.calls.paid), emc(u.calls.node), emc(u.calls.router), emc(u.calls.validators), emc(back), emc(rest))
	for _, book := range []struct {
		name  string
		lines []entry
	}{
		{"miner", []entry{{"fee for minting", -mintFee}, {"royalty", royalty()}, {"job", u.job}, {"calls", u.calls.node}, {"unused", rest}}},
		{"alice", []entry{{"first price", -firstPrice}, {"sale to bob, less the royalty", secondPrice - royalty()}}},
		{"bob", []entry{{"price to alice", -secondPrice}, {"back for outages", back}}},
		{"carol", []entry{{"her share of the calls", u.calls.router}}},
	} {
		if err := o.explain(ctx, book.name, o.before[book.name], book.lines); err != nil {
			return err
		}
	}
	return o.money.Check(ctx)
}
