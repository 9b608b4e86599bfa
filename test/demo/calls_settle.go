package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand"
	"strconv"
	"strings"
	"time"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/test/e2e/rig"
)

// sampled is how many receipts are held against the settled root.
const sampled = 100

// chainLane is what the chain settled between the session and the node.
type chainLane struct {
	Amount rig.Int `json:"amount"`
	Count  rig.Int `json:"count"`
	Root   []byte  `json:"root"`
}

// chainSession is the session as the chain has it.
type chainSession struct {
	Session struct {
		Status   string  `json:"status"`
		Deposit  rig.Int `json:"deposit"`
		Refunded rig.Int `json:"refunded"`
		Fees     rig.Int `json:"fees"`
	} `json:"session"`
	Words  string   `json:"state"`
	Escrow rig.Coin `json:"escrow_balance"`
}

// redeemed is how the one redemption was shared, in uemc.
type redeemed struct{ paid, node, router, validators int64 }

// pay ends the session, and holds everything that the chain then says against the customer's ledger.
func (m *market) pay(ctx context.Context, c *caller) error {
	until, err := m.alice.Close(ctx, m.session.ID)
	if err != nil {
		return err
	}
	m.say("alice closes the session; the node sees it, and has until %s to redeem", until.UTC().Format(time.TimeOnly))
	lane, err := m.settled(ctx, c)
	if err != nil {
		return err
	}
	parts, err := m.redemption(ctx, lane)
	if err != nil {
		return err
	}
	if err := m.evidence(ctx, c, lane); err != nil {
		return err
	}
	return m.balance(ctx, parts)
}

// settled waits until the lane is redeemed up to the customer's sum.
func (m *market) settled(ctx context.Context, c *caller) (lane chainLane, err error) {
	st := c.lane.Standing()
	err = rig.Eventually(ctx, partTime, "the node's voucher is redeemed", func() (bool, error) {
		var answer struct {
			Lanes []chainLane `json:"lanes"`
		}
		if _, err := m.net.Get(ctx, "/emc/market/v1/sessions/"+m.session.ID.String()+"/lanes", 0, &answer); err != nil || len(answer.Lanes) != 1 {
			return false, err
		}
		lane = answer.Lanes[0]
		return uint64(lane.Amount) == st.Sum, fmt.Errorf("%d of %d uemc are", lane.Amount, st.Sum)
	})
	if err == nil && (uint64(lane.Count) != st.Count || !bytes.Equal(lane.Root, st.Root[:])) {
		err = fmt.Errorf("the chain settled %d receipts with root %x, the customer has %d with root %s", lane.Count, lane.Root, st.Count, st.Root)
	}
	return lane, err
}

// redemption finds the one transaction that paid for all calls.
func (m *market) redemption(ctx context.Context, lane chainLane) (r redeemed, err error) {
	var found []rig.Transaction
	bob := m.books[1]
	// The index of transactions follows the blocks a moment later.
	err = rig.Eventually(ctx, partTime, "the redemption is found", func() (bool, error) {
		height, err := m.net.Height(ctx)
		if err != nil {
			return false, err
		}
		list, err := m.net.PaidBy(ctx, bob.Address, bob.Height, height)
		found = nil
		for _, t := range list {
			if strings.Join(t.Messages(), "") == "RedeemVouchers" {
				found = append(found, t)
			}
		}
		return len(found) > 0, err
	})
	if err != nil {
		return r, err
	}
	if len(found) != 1 {
		return r, fmt.Errorf("%d transactions redeemed vouchers, expected one for all calls", len(found))
	}
	t := found[0]
	for field, into := range map[string]*int64{"paid": &r.paid, "node_part": &r.node, "router_part": &r.router, "protocol_part": &r.validators} {
		if *into, err = attribute(t, "emc.market.v1.EventVoucherRedeemed", field); err != nil {
			return r, err
		}
	}
	m.say("one message settled %d calls: transaction %s in block %d, %d gas (%.1f for a call), fee %s", lane.Count, t.Hash, t.Height, t.Gas, float64(t.Gas)/float64(lane.Count), emc(t.Fee()))
	m.say("it paid %s: %s to bob for his node, %s (5 %%) to the router, %s (2 %%) to the validators and their delegators", emc(r.paid), emc(r.node), emc(r.router), emc(r.validators))
	if r.paid != int64(lane.Amount) || r.node+r.router+r.validators != r.paid || r.router != r.paid*5/100 || r.validators != r.paid*2/100 {
		return r, fmt.Errorf("these parts are not those of %d uemc", lane.Amount)
	}
	return r, nil
}

// attribute reads a number from a typed event of a transaction.
func attribute(t rig.Transaction, event, key string) (int64, error) {
	for _, e := range t.Events {
		for _, a := range e.Attributes {
			if e.Type == event && a.Key == key {
				return strconv.ParseInt(strings.Trim(a.Value, `"`), 10, 64)
			}
		}
	}
	return 0, fmt.Errorf("transaction %s has no %s of %s", t.Hash, key, event)
}

// evidence draws receipts at random, and holds each against the root that the chain settled. One is recorded there.
func (m *market) evidence(ctx context.Context, c *caller, lane chainLane) error {
	root := receipt.Digest(lane.Root)
	digests := make(map[receipt.Digest]bool, callCount)
	sum := uint64(0)
	for i := range uint64(lane.Count) {
		r, err := c.lane.Receipt(i)
		if err != nil {
			return err
		}
		digests[r.Request.Digest] = true
		sum += r.Amount
	}
	if len(digests) != callCount || sum != uint64(lane.Amount) {
		return fmt.Errorf("%d distinct requests and receipts over %d uemc, expected %d and %d", len(digests), sum, callCount, lane.Amount)
	}
	seed := time.Now().UnixNano()
	for n, i := range rand.New(rand.NewSource(seed)).Perm(callCount)[:sampled] {
		r, err := c.lane.Receipt(uint64(i))
		if err != nil {
			return err
		}
		path, err := c.lane.Path(r.Sequence, uint64(lane.Count))
		if err != nil {
			return err
		}
		data, err := r.MarshalBinary()
		if err != nil {
			return err
		}
		if err := r.Verify(m.net.ChainID, m.sessionKey.Public(), m.node.Public()); err != nil {
			return fmt.Errorf("receipt %d (seed %d): %w", i, seed, err)
		}
		if err := receipt.VerifyPath(root, uint64(lane.Count), r.Sequence, data, path); err != nil {
			return fmt.Errorf("receipt %d (seed %d): %w", i, seed, err)
		}
		if n > 0 {
			continue
		}
		if err := m.alice.Record(ctx, r, m.node.Public(), path); err != nil {
			return fmt.Errorf("record receipt %d: %w", i, err)
		}
		m.say("receipt %d, drawn at random, is recorded on the chain as evidence: %d bytes and a path of %d hashes, for a fee of %s", i, len(data), len(path), emc(recordFee))
	}
	m.say("%d receipts drawn at random have both signatures, and lead to the settled root %s; all %d requests differ, and their prices add up to %s",
		sampled, root.String()[:16]+"…", len(digests), emc(int64(sum)))
	return nil
}
