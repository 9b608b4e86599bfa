package keeper

import (
	"context"
	"errors"
	"fmt"

	"cosmossdk.io/collections"
	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/x/market/types"
)

// CheckInvariants walks the whole state and returns the first rule that does
// not hold. Tests and simulations call it after every step; no block does.
func (k *Keeper) CheckInvariants(ctx context.Context) error {
	for _, check := range []func(context.Context) error{
		k.checkSessions, k.checkLanes, k.checkJobs, k.checkCovers, k.checkAgenda,
	} {
		if err := check(ctx); err != nil {
			return err
		}
	}
	return nil
}

// checkSessions: every session's escrow holds at least what the session owes,
// no part of a deposit is spent twice, and the index names the routers of those
// that are not settled.
func (k *Keeper) checkSessions(ctx context.Context) error {
	bound := 0
	err := k.Sessions.Walk(ctx, nil, func(id string, s types.Session) (bool, error) {
		if have := k.bank.GetBalance(ctx, types.SessionEscrow(id), types.Denom).Amount; have.LT(s.Owed()) {
			return true, fmt.Errorf("session %s (%s) owes %s, its escrow holds %s", id, types.StatusWord(s.Status), s.Owed(), have)
		}
		if s.Left().IsNegative() || s.Free().IsNegative() {
			return true, fmt.Errorf("session %s has %s left, %s free", id, s.Left(), s.Free())
		}
		for _, r := range s.Routers {
			if r.Redeemed.GT(r.Allotment) || r.Redeemed.IsNegative() || r.Earned.IsNegative() || r.Earned.GT(r.Redeemed) {
				return true, fmt.Errorf("session %s: router %s redeemed %s of %s and is owed %s", id, r.Router, r.Redeemed, r.Allotment, r.Earned)
			}
			addr, err := types.Address("router", r.Router, types.ErrInvalidRouter)
			if err != nil {
				return true, err
			}
			listed, err := k.SessionsByRouter.Has(ctx, collections.Join(addr, id))
			if err != nil {
				return true, err
			}
			if live := s.Status != types.SESSION_STATUS_SETTLED; live != listed {
				return true, fmt.Errorf("session %s is %s, its router %s lists it: %t", id, types.StatusWord(s.Status), r.Router, listed)
			} else if live {
				bound++
			}
		}
		if settled := s.Status == types.SESSION_STATUS_SETTLED; settled && !s.Owed().IsZero() {
			return true, fmt.Errorf("session %s is settled and owes %s", id, s.Owed())
		}
		return false, nil
	})
	if err != nil {
		return err
	}
	return count(ctx, k.SessionsByRouter, bound, "entries of sessions by router")
}

// checkLanes: what the lanes of a session paid is what the session counts, and
// a session of one node has no other's lanes.
func (k *Keeper) checkLanes(ctx context.Context) error {
	type account struct{ session, router string }
	sums := map[account]math.Int{}
	err := k.Lanes.Walk(ctx, nil, func(_ laneKey, l types.Lane) (bool, error) {
		if l.FromCover > l.Amount {
			return true, fmt.Errorf("lane %s/%s/%s: %d of %d from cover", l.Session, l.Router, l.Node, l.FromCover, l.Amount)
		}
		s, err := k.Sessions.Get(ctx, l.Session)
		if err == nil {
			err = s.CheckNode(l.Node)
		}
		if err != nil {
			return true, fmt.Errorf("lane %s/%s/%s: %w", l.Session, l.Router, l.Node, err)
		}
		at := account{l.Session, l.Router}
		sums[at] = orZero(sums[at]).Add(uint64Int(l.Amount - l.FromCover))
		return false, nil
	})
	if err != nil {
		return err
	}
	return k.Sessions.Walk(ctx, nil, func(id string, s types.Session) (bool, error) {
		if s.Status == types.SESSION_STATUS_SETTLED {
			return false, nil // its lanes are removed a part at a time
		}
		if got := orZero(sums[account{id, ""}]); !got.Equal(s.Direct) {
			return true, fmt.Errorf("session %s counts %s without a router, its lanes %s", id, s.Direct, got)
		}
		for _, r := range s.Routers {
			if got := orZero(sums[account{id, r.Router}]); !got.Equal(r.Redeemed) {
				return true, fmt.Errorf("session %s counts %s through %s, its lanes %s", id, r.Redeemed, r.Router, got)
			}
		}
		return false, nil
	})
}

// checkJobs: what a session holds for jobs is the sum over its live ones, and
// they know to whom a late refund goes.
func (k *Keeper) checkJobs(ctx context.Context) error {
	held := map[string]math.Int{}
	err := k.SessionJobs.Walk(ctx, nil, func(_ string, j types.SessionJob) (bool, error) {
		s, err := k.Sessions.Get(ctx, j.Session)
		if err == nil && (j.Owner != s.Owner || j.Funder != s.Funder || j.Source != s.Source) {
			return true, fmt.Errorf("job %s would refund owner %s or funder %q, its session %s owner %s or funder %q", j.Job, j.Owner, j.Funder, s.Id, s.Owner, s.Funder)
		}
		if err != nil && !errors.Is(err, collections.ErrNotFound) {
			return true, err
		}
		held[j.Session] = orZero(held[j.Session]).Add(j.Held.Amount)
		return false, nil
	})
	if err != nil {
		return err
	}
	return k.Sessions.Walk(ctx, nil, func(id string, s types.Session) (bool, error) {
		if got := orZero(held[id]); !got.Equal(s.Held) {
			return true, fmt.Errorf("session %s holds %s for jobs, its jobs %s", id, s.Held, got)
		}
		return false, nil
	})
}

// checkCovers: every cover is positive, listed by its node, and reserved.
func (k *Keeper) checkCovers(ctx context.Context) error {
	covers := 0
	err := k.Covers.Walk(ctx, nil, func(key collections.Pair[sdk.AccAddress, sdk.AccAddress], c types.Cover) (bool, error) {
		covers++
		if !c.Amount.IsPositive() || c.Lower.IsNegative() || c.Lower.GT(c.Amount) || (c.LowersAt == 0 && !c.Lower.IsZero()) {
			return true, fmt.Errorf("cover of %s for %s is %s and falls to %s at %d", c.Router, c.Node, c.Amount, c.Lower, c.LowersAt)
		}
		listed, err := k.CoversByNode.Has(ctx, collections.Join(key.K2(), key.K1()))
		if err != nil || !listed {
			return true, errors.Join(fmt.Errorf("cover of %s is not listed by node %s", c.Router, c.Node), err)
		}
		r, known, err := k.compute.Reservation(ctx, key.K1(), types.CoverPromise(c.Node))
		if err != nil || !known || !r.Stake.Equal(c.Amount) {
			return true, errors.Join(fmt.Errorf("router %s covers node %s with %s, in x/compute it reserved %s", c.Router, c.Node, c.Amount, r.Stake), err)
		}
		return false, nil
	})
	if err != nil {
		return err
	}
	return count(ctx, k.CoversByNode, covers, "covers by node")
}

// checkAgenda: every session and every cover that falls stands on the agenda once.
func (k *Keeper) checkAgenda(ctx context.Context) error {
	entries := 0
	err := k.Sessions.Walk(ctx, nil, func(id string, s types.Session) (bool, error) {
		entries++
		return k.onAgenda(ctx, sessionEntry(s.Deadline, id))
	})
	if err != nil {
		return err
	}
	err = k.Covers.Walk(ctx, nil, func(key collections.Pair[sdk.AccAddress, sdk.AccAddress], c types.Cover) (bool, error) {
		if c.LowersAt == 0 {
			return false, nil
		}
		entries++
		return k.onAgenda(ctx, coverEntry(c.LowersAt, key.K1(), key.K2()))
	})
	if err != nil {
		return err
	}
	return count(ctx, k.Agenda, entries, "entries of the agenda")
}

func (k *Keeper) onAgenda(ctx context.Context, entry agendaEntry) (bool, error) {
	has, err := k.Agenda.Has(ctx, entry)
	if err == nil && !has {
		err = fmt.Errorf("%s is not on the agenda at %d", entryName(entry), entry.K1())
	}
	return err != nil, err
}

func count[K any](ctx context.Context, set collections.KeySet[K], expected int, what string) error {
	found := 0
	err := set.Walk(ctx, nil, func(K) (bool, error) {
		found++
		return false, nil
	})
	if err == nil && found != expected {
		err = fmt.Errorf("expected %d %s, found %d", expected, what, found)
	}
	return err
}

func orZero(n math.Int) math.Int {
	if n.IsNil() {
		return zero()
	}
	return n
}
