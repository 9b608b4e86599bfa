package keeper

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"cosmossdk.io/collections"
	errorsmod "cosmossdk.io/errors"
	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/x/compute/types"
)

// placement is the scheduler's answer: a node, or the reason why none fits.
type placement struct {
	addr    sdk.AccAddress
	node    types.Node
	scanned int
	reason  string
}

// place finds the node for a job: the named one, or the cheapest in the price
// index that fits, the longest-waiting one first. At most max_scan entries are
// looked at. A job that asks for power gets the one of them whose power is
// cheapest: a dear slot may hold more for the money. The index has no order by
// that price, because it would change with every window of the proof.
func (k *Keeper) place(ctx context.Context, params types.Params, d types.Demand, wanted string, tried []string) (placement, error) {
	now, err := k.now(ctx)
	if err != nil {
		return placement{}, err
	}
	if wanted != "" {
		return k.placeOn(ctx, params, now, d, wanted, tried)
	}
	if !d.ByPower() {
		if p, err := k.placeOnCheapest(ctx, params, now, d, tried); err != nil || p.addr != nil {
			return p, err
		}
	}
	scan, err := k.openScan(ctx, d.App)
	if err != nil {
		return placement{}, err
	}
	defer scan.close()

	misses, best := missCount{}, placement{}
	scanned := 0
	for ; scanned < int(params.MaxScan); scanned++ {
		addr, ok, err := scan.next()
		if err != nil {
			return placement{}, err
		}
		if !ok {
			break
		}
		node, err := k.Node(ctx, addr)
		if err != nil {
			return placement{}, err
		}
		why := node.Unavailable(params, now)
		if failures := node.Failures(d); why == "" && len(failures) > 0 {
			why = failures[0]
		}
		if slices.Contains(tried, node.Address) {
			why = "was tried already"
		}
		switch {
		case why != "":
			misses.add(why)
		case !d.ByPower():
			return placement{addr: addr, node: node, scanned: scanned + 1}, nil
		case best.addr == nil || cheaperPower(node, best.node):
			best = placement{addr: addr, node: node}
		}
	}
	if best.addr != nil {
		best.scanned = scanned
		return best, nil
	}
	return placement{scanned: scanned, reason: misses.words(d.App, scanned, scanned == int(params.MaxScan))}, nil
}

// cheaperPower compares two nodes that fit a job that asks for power; both have
// some. Equal prices keep the order of the index.
func cheaperPower(a, b types.Node) bool {
	left, _ := types.EHourPrice(a)
	right, _ := types.EHourPrice(b)
	return left.LT(right)
}

// placeOnCheapest is the usual case: the first entry fits.
func (k *Keeper) placeOnCheapest(ctx context.Context, params types.Params, now int64, d types.Demand, tried []string) (placement, error) {
	addr, found, err := k.cheapest(ctx, d.App)
	if err != nil || !found {
		return placement{}, err
	}
	node, err := k.Node(ctx, addr)
	if err != nil {
		return placement{}, err
	}
	if node.Unavailable(params, now) != "" || len(node.Failures(d)) > 0 || slices.Contains(tried, node.Address) {
		return placement{}, nil
	}
	return placement{addr: addr, node: node, scanned: 1}, nil
}

func (k *Keeper) placeOn(ctx context.Context, params types.Params, now int64, d types.Demand, wanted string, tried []string) (placement, error) {
	addr, node, err := k.node(ctx, wanted)
	if err != nil {
		return placement{}, err
	}
	if slices.Contains(tried, wanted) {
		return placement{scanned: 1, reason: fmt.Sprintf("node %s was tried already", wanted)}, nil
	}
	failures, unavailable := node.Failures(d), node.Unavailable
	if d.Source != nil {
		unavailable = node.Out
	}
	if why := unavailable(params, now); why != "" {
		failures = append([]string{why}, failures...)
	}
	if len(failures) > 0 {
		return placement{scanned: 1, reason: fmt.Sprintf("node %s %s", wanted, strings.Join(failures, "; "))}, nil
	}
	return placement{addr: addr, node: node, scanned: 1}, nil
}

// missCount keeps the reasons for which nodes were passed over, in the order
// in which they were first met (a map would be ranged in random order).
type missCount struct {
	reasons []string
	counts  []int
}

const maxReasons = 5

func (m *missCount) add(reason string) {
	if i := slices.Index(m.reasons, reason); i >= 0 {
		m.counts[i]++
		return
	}
	m.reasons = append(m.reasons, reason)
	m.counts = append(m.counts, 1)
}

func (m *missCount) words(app types.App, scanned int, capped bool) string {
	if scanned == 0 {
		return fmt.Sprintf("no node that serves app %s is online with a free slot; see `emcd query compute match %s`", app.Id, app.Id)
	}
	var parts []string
	for i, r := range m.reasons[:min(len(m.reasons), maxReasons)] {
		parts = append(parts, fmt.Sprintf("%d: %s", m.counts[i], r))
	}
	seen := fmt.Sprintf("none of the %d candidates", scanned)
	if capped {
		seen = fmt.Sprintf("none of the %d cheapest candidates", scanned)
	}
	return seen + " fits (" + strings.Join(parts, "; ") + ")"
}

// scan merges the nodes that name an app and those that serve its whole
// runtime, in the order of the index.
type scan struct {
	lists [2]indexIterator
	last  sdk.AccAddress
}

type indexIterator = collections.KeySetIterator[indexKey]

func (k *Keeper) openScan(ctx context.Context, app types.App) (*scan, error) {
	s := &scan{}
	for i, key := range []string{types.AppIndexKey(app.Id), types.RuntimeIndexKey(app.Runtime)} {
		list, err := k.PriceIndex.Iterate(ctx, collections.NewPrefixedQuadRange[string, uint64, int64, sdk.AccAddress](key))
		if err != nil {
			if i == 1 {
				s.lists[0].Close()
			}
			return nil, err
		}
		s.lists[i] = list
	}
	return s, nil
}

func (s *scan) close() {
	for _, list := range s.lists {
		list.Close()
	}
}

// next returns the next node once, though it may stand in both lists.
func (s *scan) next() (sdk.AccAddress, bool, error) {
	for {
		first, found := 0, false
		var best indexKey
		for i, list := range s.lists {
			if !list.Valid() {
				continue
			}
			key, err := list.Key()
			if err != nil {
				return nil, false, err
			}
			if !found || before(key, best) {
				first, best, found = i, key, true
			}
		}
		if !found {
			return nil, false, nil
		}
		s.lists[first].Next()
		if !bytes.Equal(best.K4(), s.last) {
			s.last = best.K4()
			return best.K4(), true, nil
		}
	}
}

// demand is what a job asks of a node.
func demand(app types.App, req types.Requirements, maxSeconds uint64, maxPrice math.Int) types.Demand {
	return types.Demand{App: app, Requirements: req, MaxSeconds: maxSeconds, MaxPrice: &maxPrice}
}

// assign puts a job on a node: the slot and its power are reserved, the price is fixed, the
// clock runs. The job is written by the caller.
func (k *Keeper) assign(ctx context.Context, params types.Params, job *types.Job, p placement, d types.Demand) error {
	n := p.node
	if d.Source != nil {
		if err := k.lend(ctx, p.addr, *d.Source, job.Id); err != nil {
			return err
		}
	} else {
		r := types.Reservation{Promise: types.JobPromise(job.Id), Slots: 1, Power: job.Requirements.MinSlotPower, Stake: math.ZeroInt()}
		if err := k.addReservation(ctx, p.addr, &n, r); err != nil {
			return err
		}
		if err := k.writeNode(ctx, params, p.addr, n, false); err != nil {
			return err
		}
	}
	job.Node, job.Operator, job.SlotHourPrice = n.Address, n.Operator, types.Uemc(d.PriceOn(n))
	job.Status = types.JOB_STATUS_SCHEDULED
	if err := k.setDeadline(ctx, job, params.AcknowledgeSeconds); err != nil {
		return err
	}
	return emit(ctx, &types.EventJobScheduled{Job: job.Id, Node: job.Node, Customer: job.Customer, Attempt: uint32(len(job.TriedNodes)) + 1})
}

// App loads an app.
func (k *Keeper) App(ctx context.Context, id string) (types.App, error) {
	app, err := k.Apps.Get(ctx, id)
	if errorsmod.IsOf(err, collections.ErrNotFound) {
		return app, errorsmod.Wrapf(types.ErrAppNotFound, "no app %q is registered; see `emcd query compute apps`", id)
	}
	return app, err
}
