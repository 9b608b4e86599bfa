package session_test

import (
	"encoding/json"
	"fmt"
	"math/rand"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/session"
)

// summary is what many schedules came to.
type summary struct {
	Schedules int    `json:"schedules"`
	FirstSeed int64  `json:"first_seed"`
	Calls     int    `json:"calls"`
	Kills     int    `json:"kills"`
	Paid      uint64 `json:"paid_uemc"`

	Credit                uint64   `json:"credit_uemc"`
	Unwritten             uint64   `json:"unwritten_uemc"`
	NodeLossByOthers      uint64   `json:"node_loss_by_others_uemc"`    // in one lane, where the node itself was never killed
	NodeLossWithKills     uint64   `json:"node_loss_with_kills_uemc"`   // in one lane
	CustomerLoss          uint64   `json:"customer_loss_uemc"`          // in one lane
	CustomerLossPerStake  uint64   `json:"customer_loss_per_stake_bps"` // the most, of the maximum prices of calls that broke
	RouterLoss            uint64   `json:"router_loss_uemc"`            // all of them
	LossWithoutFault      uint64   `json:"loss_without_fault_uemc"`     // all parties
	SchedulesWithoutFault int      `json:"schedules_without_fault"`
	ShortBudget           int      `json:"schedules_refused_by_budget"`  // the allotment was used up: calls were not begun
	ShortRouter           int      `json:"schedules_refused_by_routers"` // vouchers were not signed
	Failures              []string `json:"failures"`
}

// schedule makes the plan of a seed. One of eight has no fault at all.
func schedule(seed int64) plan {
	rng := rand.New(rand.NewSource(seed))
	p := plan{seed: seed, calls: 12}.shorten()
	if seed%8 == 0 {
		return p
	}
	p.loss, p.twice, p.slow = 0.1*rng.Float64(), 0.15*rng.Float64(), 0.3*rng.Float64()
	p.crash = 0.8 * rng.Float64()
	switch rng.Intn(8) {
	case 0:
		p.fatal = []string{"customer", "node0", "node1", "router0", "router1"}[rng.Intn(5)]
		p.fatalAt = time.Duration(rng.Intn(3000)) * time.Millisecond
	case 1:
		p.closeAt = time.Duration(rng.Intn(3000)) * time.Millisecond
	case 2:
		p.neverPay = true
	case 3: // whoever could tell the nodes what they forgot is gone
		p.fatal = "customer"
		p.fatalAt = time.Duration(rng.Intn(3000)) * time.Millisecond
		p.fallAt = p.fatalAt + time.Duration(rng.Intn(200))*time.Millisecond
	}
	return p
}

// play runs a schedule to its end: faults, calm, one more call in every lane that both sides can use, and settlement.
func play(p plan) *world {
	w := newWorld(p)
	if p.fatal != "" {
		w.in(p.fatalAt, func() { w.named(p.fatal).die() })
	}
	if p.fallAt > 0 {
		w.in(p.fallAt, func() {
			for _, n := range w.nodes {
				n.store.Crash()
				n.crashed()
			}
		})
	}
	if p.closeAt > 0 {
		w.in(p.closeAt, func() { w.chain.Close(sessionID) })
	}
	w.run(15 * time.Second)
	w.calm = true
	for _, p := range w.parties() {
		p.store.CrashIn(0, false)
	}
	w.run(60 * time.Second)
	w.finale()
	w.run(90 * time.Second)
	w.chain.Close(sessionID)
	w.run(w.now + 3*time.Minute)
	return w
}

func (w *world) parties() []*party {
	return []*party{&w.customer.party, &w.nodes[0].party, &w.nodes[1].party, &w.routers[0].party, &w.routers[1].party}
}

func (w *world) named(name string) *party {
	for _, p := range w.parties() {
		if p.name == name {
			return p
		}
	}
	panic(name)
}

// finale: no lane is stuck that both honest sides could go on with.
func (w *world) finale() {
	c := w.customer
	for i := range c.lanes4 {
		if c.dead || c.nodeOf(i).dead || c.routers[i/2].dead || w.closeAt > 0 || w.neverPay {
			continue
		}
		if st := c.lane(i).Standing(); st.Orphans > 0 || st.Open > 0 || st.Why != "" {
			w.fail("lane %d is stuck: %+v", i, st)
			continue
		}
		if c.short.unsigned[i] {
			continue // the node waits for a voucher that nobody signs
		}
		was, refused := c.lane(i).Standing().Count, c.short.refused
		c.later(0, func() { c.call(i) })
		w.run(w.now + 5*time.Second)
		if st := c.lane(i).Standing(); st.Count != was+1 && c.short.refused == refused {
			w.fail("lane %d does not go on: %+v, node %+v", i, st, c.nodeOf(i).node.Account(c.lane(i).ID()))
		}
		c.later(0, func() { c.settle(i) })
		w.run(w.now + time.Second)
		if a := c.nodeOf(i).node.Account(c.lane(i).ID()); a.Exposure != 0 && !c.short.unsigned[i] {
			w.fail("lane %d is not paid: %+v", i, a)
		}
	}
}

// judge compares what everyone lost with the published bounds.
func (w *world) judge(sum *summary) {
	sum.Schedules++
	sum.Calls += w.customer.begun
	for _, p := range w.parties() {
		sum.Kills += p.kills
	}
	w.checkAllotments()
	if w.customer.short.byBudget {
		sum.ShortBudget++
	}
	if w.customer.short.byRouter {
		sum.ShortRouter++
	}
	for _, lane := range w.lanes() {
		paid := w.chain.Paid(lane)
		sum.Paid += paid
		lost := w.book.losses(lane, paid)
		node := w.nodes[0]
		if lane.Node == w.nodes[1].key.public.Address() {
			node = w.nodes[1]
		}
		bound := session.NodeConfig{Credit: credit, Unwritten: unwritten}.NodeBound(node.kills)
		switch {
		case node.dead: // it redeems nothing any more: what is at stake is its own delay
		case lost.Node > bound:
			w.fail("a node lost %d, the bound is %d", lost.Node, bound)
		case node.kills == 0:
			sum.NodeLossByOthers = max(sum.NodeLossByOthers, lost.Node)
		default:
			sum.NodeLossWithKills = max(sum.NodeLossWithKills, lost.Node)
		}
		if stake := session.CustomerBound(lost.Stake); lost.Customer > stake {
			w.fail("the customer lost %d, the bound is %d", lost.Customer, stake)
		} else if stake > 0 {
			sum.CustomerLossPerStake = max(sum.CustomerLossPerStake, lost.Customer*10_000/stake)
		}
		sum.CustomerLoss = max(sum.CustomerLoss, lost.Customer)
		if !w.faulty() {
			sum.LossWithoutFault += lost.Customer + lost.Node
		}
	}
	for _, r := range routerKeys {
		sum.RouterLoss += w.chain.Seized(r.public.Address())
	}
	if !w.faulty() {
		sum.SchedulesWithoutFault++
	}
	for _, f := range w.failures {
		if len(sum.Failures) < 20 {
			sum.Failures = append(sum.Failures, fmt.Sprintf("seed %d: %s", w.seed, f))
		}
	}
}

func number(t *testing.T, name string, otherwise int64) int64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseInt(text, 10, 64)
	require.NoError(t, err, name)
	return n
}

// TestSchedules plays EMC_SESSION_SCHEDULES schedules (200) from the seed SEED (1) on, and writes what they came to into
// the file EMC_SESSION_OUT.
func TestSchedules(t *testing.T) {
	n, first := number(t, "EMC_SESSION_SCHEDULES", 200), number(t, "SEED", 1)
	sum := summary{FirstSeed: first, Credit: credit, Unwritten: unwritten}
	for seed := first; seed < first+n; seed++ {
		play(schedule(seed)).judge(&sum)
	}
	out, err := json.MarshalIndent(sum, "", "  ")
	require.NoError(t, err)
	if path := os.Getenv("EMC_SESSION_OUT"); path != "" {
		require.NoError(t, os.WriteFile(path, out, 0o600))
	}
	t.Logf("%s", out)
	require.Empty(t, sum.Failures)
	require.Equal(t, session.RouterBound, sum.RouterLoss)
	require.Zero(t, sum.LossWithoutFault, "nobody loses anything without a fault")
	if n >= 200 {
		require.Equal(t, uint64(credit), sum.NodeLossByOthers, "the bound is what is measured")
		require.Positive(t, sum.CustomerLossPerStake)
		require.Positive(t, sum.ShortBudget, "allotments are used up in the middle")
		require.Positive(t, sum.ShortRouter)
	}
}
