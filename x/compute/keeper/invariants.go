package keeper

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"cosmossdk.io/collections"
	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/x/compute/types"
)

var jobPromise = types.JobPromise("")

// CheckInvariants walks the whole state and returns the first rule that does
// not hold. Tests and simulations call it after every step; no block does.
func (k *Keeper) CheckInvariants(ctx context.Context) error {
	for _, check := range []func(context.Context) error{
		k.checkEscrows, k.checkStakeAccount, k.checkReservations, k.checkSources, k.checkDeposits, k.checkListings, k.checkAgenda, k.checkOutages,
	} {
		if err := check(ctx); err != nil {
			return err
		}
	}
	return nil
}

// checkEscrows: every open job's address holds at least what the job owes.
func (k *Keeper) checkEscrows(ctx context.Context) error {
	return k.Jobs.Walk(ctx, nil, func(id string, j types.Job) (bool, error) {
		have := k.bank.GetBalance(ctx, types.JobEscrow(id), types.Denom).Amount
		if have.LT(j.Owed()) {
			return true, fmt.Errorf("job %s (%s) owes %s, its escrow holds %s", id, types.StatusWord(j.Status), j.Owed(), have)
		}
		if j.Closed() && !j.Paid.Amount.Add(j.Refunded.Amount).Equal(j.MaxPrice.Amount) {
			return true, fmt.Errorf("job %s paid %s and refunded %s of %s", id, j.Paid, j.Refunded, j.MaxPrice)
		}
		return false, nil
	})
}

// checkStakeAccount: the module's account holds stakes plus unbondings, and
// what strangers sent.
func (k *Keeper) checkStakeAccount(ctx context.Context) error {
	sum := math.ZeroInt()
	err := k.Nodes.Walk(ctx, nil, func(_ sdk.AccAddress, n types.Node) (bool, error) {
		sum = sum.Add(n.Stake)
		return n.Stake.IsNegative(), nil
	})
	if err != nil {
		return err
	}
	err = k.Unbondings.Walk(ctx, nil, func(_ collections.Pair[sdk.AccAddress, uint64], u types.Unbonding) (bool, error) {
		sum = sum.Add(u.Amount)
		return false, nil
	})
	if err != nil {
		return err
	}
	if have := k.bank.GetBalance(ctx, k.accounts.GetModuleAddress(types.ModuleName), types.Denom).Amount; !have.Equal(sum) {
		return fmt.Errorf("the stake account holds %s, stakes and unbondings are %s", have, sum)
	}
	return nil
}

// checkReservations: each node's totals are the sums of its promises, every
// live job has one, of one slot and the power that it asks for, and none exceeds
// the stake unless the node is jailed.
func (k *Keeper) checkReservations(ctx context.Context) error {
	type total struct {
		slots uint32
		power uint64
		stake math.Int
	}
	totals := map[string]total{}
	jobs := 0
	err := k.Reservations.Walk(ctx, nil, func(key collections.Pair[sdk.AccAddress, string], r types.Reservation) (bool, error) {
		t, ok := totals[r.Node]
		if !ok {
			t.stake = math.ZeroInt()
		}
		totals[r.Node] = total{t.slots + r.Slots, t.power + r.Power, t.stake.Add(r.Stake)}
		if strings.HasPrefix(r.Promise, jobPromise) {
			jobs++
			j, err := k.Jobs.Get(ctx, strings.TrimPrefix(r.Promise, jobPromise))
			if err != nil || !j.Live() || j.Node != r.Node {
				return true, errors.Join(fmt.Errorf("reservation %s on node %s has no live job", r.Promise, r.Node), err)
			}
			if r.Slots != 1 || r.Power < j.Requirements.MinSlotPower || (j.Source == "" && r.Power != j.Requirements.MinSlotPower) {
				return true, fmt.Errorf("job %s needs 1 slot and %d micro-E, it holds %d and %d", j.Id, j.Requirements.MinSlotPower, r.Slots, r.Power)
			}
		}
		return false, nil
	})
	if err != nil {
		return err
	}
	live := 0
	err = k.Jobs.Walk(ctx, nil, func(_ string, j types.Job) (bool, error) {
		if j.Live() {
			live++
		}
		return false, nil
	})
	if err != nil {
		return err
	}
	if jobs != live {
		return fmt.Errorf("%d jobs are live, %d hold a slot", live, jobs)
	}
	return k.Nodes.Walk(ctx, nil, func(_ sdk.AccAddress, n types.Node) (bool, error) {
		t, ok := totals[n.Address]
		if !ok {
			t.stake = math.ZeroInt()
		}
		delete(totals, n.Address)
		switch {
		case t.slots != n.ReservedSlots || t.power != n.ReservedPower || !t.stake.Equal(n.ReservedStake):
			return true, fmt.Errorf("node %s says it promised %d slots, %d micro-E, %s stake; the ledger says %d, %d, %s", n.Address, n.ReservedSlots, n.ReservedPower, n.ReservedStake, t.slots, t.power, t.stake)
		case n.ReservedStake.GT(n.Stake) && !n.Jailed:
			return true, fmt.Errorf("node %s promised %s stake of %s and is not jailed", n.Address, n.ReservedStake, n.Stake)
		}
		return false, nil
	})
}

// checkDeposits: every node's deposit is at its own address.
func (k *Keeper) checkDeposits(ctx context.Context) error {
	return k.Nodes.Walk(ctx, nil, func(addr sdk.AccAddress, n types.Node) (bool, error) {
		if have := k.bank.GetBalance(ctx, types.NodeDeposit(addr), types.Denom).Amount; have.LT(n.Deposit) {
			return true, fmt.Errorf("node %s has a deposit of %s, its address holds %s", addr, n.Deposit, have)
		}
		return false, nil
	})
}

// checkListings: the price index holds exactly what the nodes say, and each
// list's head is its first entry.
func (k *Keeper) checkListings(ctx context.Context) error {
	listed, indexed := 0, 0
	err := k.Nodes.Walk(ctx, nil, func(addr sdk.AccAddress, n types.Node) (bool, error) {
		for _, key := range n.Listing.Keys {
			listed++
			if has, err := k.PriceIndex.Has(ctx, collections.Join4(key, n.Listing.Price, n.Listing.Since, addr)); err != nil || !has {
				return true, errors.Join(fmt.Errorf("node %s is not in the index under %s at %d", addr, key, n.Listing.Price), err)
			}
		}
		return false, nil
	})
	if err != nil {
		return err
	}
	lists, last := 0, ""
	err = k.PriceIndex.Walk(ctx, nil, func(entry indexKey) (bool, error) {
		indexed++
		if entry.K1() == last {
			return false, nil
		}
		lists, last = lists+1, entry.K1()
		if first, found, err := k.head(ctx, last); err != nil || !found || before(entry, first) || before(first, entry) {
			return true, errors.Join(fmt.Errorf("the head of list %s is not its first entry", last), err)
		}
		return false, nil
	})
	if err != nil {
		return err
	}
	heads := 0
	if err := k.IndexHeads.Walk(ctx, nil, func(string, types.IndexHead) (bool, error) { heads++; return false, nil }); err != nil {
		return err
	}
	if listed != indexed || heads != lists {
		return fmt.Errorf("the nodes name %d index entries, the index has %d; %d lists have %d heads", listed, indexed, lists, heads)
	}
	return nil
}

// checkAgenda: every job, every wake-up and every unbonding stands on the
// agenda exactly once.
func (k *Keeper) checkAgenda(ctx context.Context) error {
	expected := 0
	expect := func(entry agendaEntry) error {
		expected++
		if has, err := k.Agenda.Has(ctx, entry); err != nil || !has {
			return errors.Join(fmt.Errorf("%s is not on the agenda for %d", entryName(entry), entry.K1()), err)
		}
		return nil
	}
	err := k.Jobs.Walk(ctx, nil, func(id string, j types.Job) (bool, error) {
		return false, expect(jobEntry(j.Deadline, id))
	})
	if err != nil {
		return err
	}
	err = k.Nodes.Walk(ctx, nil, func(addr sdk.AccAddress, n types.Node) (bool, error) {
		if n.Listing.WakeAt == 0 {
			return false, nil
		}
		return false, expect(nodeEntry(n.Listing.WakeAt, addr))
	})
	if err != nil {
		return err
	}
	err = k.Unbondings.Walk(ctx, nil, func(key collections.Pair[sdk.AccAddress, uint64], u types.Unbonding) (bool, error) {
		return false, expect(unbondingEntry(u.CompletesAt, key.K1(), key.K2()))
	})
	if err != nil {
		return err
	}
	found := 0
	err = k.Agenda.Walk(ctx, nil, func(agendaEntry) (bool, error) { found++; return false, nil })
	if err == nil && expected != found {
		return fmt.Errorf("%d entries belong on the agenda, it has %d", expected, found)
	}
	return err
}

// checkOutages: a node is out exactly while it is jailed, has promised more power
// than it has, or does not wait for the end of its last report; and no outage
// begins in times to come.
func (k *Keeper) checkOutages(ctx context.Context) error {
	now, err := k.now(ctx)
	if err != nil {
		return err
	}
	return k.Nodes.Walk(ctx, nil, func(_ sdk.AccAddress, n types.Node) (bool, error) {
		out := n.Jailed || n.Power < n.ReservedPower || n.Listing.WakeAt == 0
		switch {
		case out != (n.OutageSince != 0):
			return true, fmt.Errorf("node %s is out since %d; jailed: %t, power: %d of %d, wakes at %d", n.Address, n.OutageSince, n.Jailed, n.Power, n.ReservedPower, n.Listing.WakeAt)
		case n.OutageSince < 0 || n.OutageSince > max(now, 1):
			return true, fmt.Errorf("node %s is out since %d, it is %d", n.Address, n.OutageSince, now)
		}
		return false, nil
	})
}
