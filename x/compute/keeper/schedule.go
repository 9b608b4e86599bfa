package keeper

import (
	"bytes"
	"context"
	"crypto/sha256"
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
// index that fits. Among equal prices the hash of job and node decides, so
// that no address can be mined that always comes first. At most max_scan
// entries are looked at.
func (k *Keeper) place(ctx context.Context, params types.Params, d types.Demand, jobID, wanted string, tried []string) (placement, error) {
	if wanted != "" {
		return k.placeOn(ctx, params, d, wanted, tried)
	}
	scan, err := k.openScan(ctx, d.App)
	if err != nil {
		return placement{}, err
	}
	defer scan.close()

	var best placement
	var bestPrice uint64
	var bestRank []byte
	misses := missCount{}
	scanned := 0
	for ; scanned < int(params.MaxScan); scanned++ {
		price, addr, ok, err := scan.next()
		if err != nil {
			return placement{}, err
		}
		if !ok || (best.addr != nil && price > bestPrice) {
			break
		}
		node, err := k.Node(ctx, addr)
		if err != nil {
			return placement{}, err
		}
		if why := node.Unavailable(params, now(ctx)); why != "" {
			misses.add(why)
			continue
		}
		if slices.Contains(tried, node.Address) {
			misses.add("was tried already")
			continue
		}
		if failures := node.Failures(d); len(failures) > 0 {
			misses.add(failures[0])
			continue
		}
		if rank := tieRank(jobID, addr); best.addr == nil || bytes.Compare(rank, bestRank) < 0 {
			best, bestPrice, bestRank = placement{addr: addr, node: node}, price, rank
		}
	}
	best.scanned = scanned
	if best.addr == nil {
		best.reason = misses.words(d.App, scanned, scanned == int(params.MaxScan))
	}
	return best, nil
}

func (k *Keeper) placeOn(ctx context.Context, params types.Params, d types.Demand, wanted string, tried []string) (placement, error) {
	addr, node, err := k.node(ctx, wanted)
	if err != nil {
		return placement{}, err
	}
	if slices.Contains(tried, wanted) {
		return placement{scanned: 1, reason: fmt.Sprintf("node %s was tried already", wanted)}, nil
	}
	failures := node.Failures(d)
	if why := node.Unavailable(params, now(ctx)); why != "" {
		failures = append([]string{why}, failures...)
	}
	if len(failures) > 0 {
		return placement{scanned: 1, reason: fmt.Sprintf("node %s %s", wanted, strings.Join(failures, "; "))}, nil
	}
	return placement{addr: addr, node: node, scanned: 1}, nil
}

func tieRank(jobID string, node sdk.AccAddress) []byte {
	sum := sha256.Sum256(append([]byte("emc/compute/tie/1"+jobID), node...))
	return sum[:]
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
// runtime, cheapest first.
type scan struct {
	app, runtime indexIterator
	last         sdk.AccAddress
}

type indexIterator = collections.KeySetIterator[collections.Triple[string, uint64, sdk.AccAddress]]

func (k *Keeper) openScan(ctx context.Context, app types.App) (*scan, error) {
	open := func(key string) (indexIterator, error) {
		return k.PriceIndex.Iterate(ctx, collections.NewPrefixedTripleRange[string, uint64, sdk.AccAddress](key))
	}
	byApp, err := open(types.AppIndexKey(app.Id))
	if err != nil {
		return nil, err
	}
	byRuntime, err := open(types.RuntimeIndexKey(app.Runtime))
	if err != nil {
		byApp.Close()
		return nil, err
	}
	return &scan{app: byApp, runtime: byRuntime}, nil
}

func (s *scan) close() {
	s.app.Close()
	s.runtime.Close()
}

// next returns the next cheapest node once, though it may stand in both lists.
func (s *scan) next() (price uint64, addr sdk.AccAddress, ok bool, err error) {
	for {
		it := s.app
		switch {
		case !s.app.Valid() && !s.runtime.Valid():
			return 0, nil, false, nil
		case !s.app.Valid():
			it = s.runtime
		case s.runtime.Valid():
			a, err := s.app.Key()
			if err != nil {
				return 0, nil, false, err
			}
			r, err := s.runtime.Key()
			if err != nil {
				return 0, nil, false, err
			}
			if r.K2() < a.K2() || (r.K2() == a.K2() && bytes.Compare(r.K3(), a.K3()) < 0) {
				it = s.runtime
			}
		}
		key, err := it.Key()
		if err != nil {
			return 0, nil, false, err
		}
		it.Next()
		if !bytes.Equal(key.K3(), s.last) {
			s.last = key.K3()
			return key.K2(), key.K3(), true, nil
		}
	}
}

// demand is what a job asks of a node.
func demand(app types.App, req types.Requirements, maxSeconds uint64, maxPrice math.Int) types.Demand {
	return types.Demand{App: app, Requirements: req, MaxSeconds: maxSeconds, MaxPrice: &maxPrice}
}

// assign puts a job on a node: the slot is reserved, the price is fixed, the
// clock runs. The job is written by the caller.
func (k *Keeper) assign(ctx context.Context, params types.Params, job *types.Job, p placement) error {
	n := p.node
	r := types.Reservation{Promise: types.JobPromise(job.Id), Slots: 1, Stake: math.ZeroInt()}
	if err := k.addReservation(ctx, p.addr, &n, r); err != nil {
		return err
	}
	if err := k.setNode(ctx, p.addr, n); err != nil {
		return err
	}
	if err := k.JobsByNode.Set(ctx, collections.Join(p.addr, job.Id)); err != nil {
		return err
	}
	job.Node, job.Operator, job.SlotHourPrice = n.Address, n.Operator, n.Offer.SlotHourPrice
	job.Status = types.JOB_STATUS_SCHEDULED
	if err := k.setDeadline(ctx, job, now(ctx)+int64(params.AcknowledgeSeconds)); err != nil {
		return err
	}
	return emit(ctx, &types.EventJobScheduled{Job: job.Id, Node: job.Node, Customer: job.Customer, Attempt: uint32(len(job.TriedNodes)) + 1})
}

// app loads an app.
func (k *Keeper) app(ctx context.Context, id string) (types.App, error) {
	app, err := k.Apps.Get(ctx, id)
	if errorsmod.IsOf(err, collections.ErrNotFound) {
		return app, errorsmod.Wrapf(types.ErrAppNotFound, "no app %q is registered; see `emcd query compute apps`", id)
	}
	return app, err
}
