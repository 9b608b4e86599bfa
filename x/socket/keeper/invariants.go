package keeper

import (
	"context"
	"fmt"

	"cosmossdk.io/collections"

	"github.com/edgematrix/emc/x/internal/answers"
	markettypes "github.com/edgematrix/emc/x/market/types"
	"github.com/edgematrix/emc/x/socket/types"
)

// CheckInvariants looks at everything: for tests and genesis, never in a block.
func (k *Keeper) CheckInvariants(ctx context.Context) error {
	sockets, err := answers.All(ctx, k.Sockets)
	if err != nil {
		return err
	}
	want := counts{}
	for _, s := range sockets {
		if err := k.checkSocket(ctx, s, &want); err != nil {
			return fmt.Errorf("socket %s: %w", s.Id, err)
		}
	}
	return k.checkCounts(ctx, want)
}

// counts is how many entries the indexes must have.
type counts struct{ listings, nodes, holders, sessions, agenda int }

func (k *Keeper) checkSocket(ctx context.Context, s types.Socket, want *counts) error {
	if have := k.bank.GetBalance(ctx, escrowOf(s), types.Denom).Amount; have.LT(s.Owed()) {
		return fmt.Errorf("its escrow holds %s, it owes %s", have, s.Owed())
	}
	if s.Used.GT(s.Price) || s.Used.LT(s.Held) || s.Held.IsNegative() {
		return fmt.Errorf("%s of %s are used, %s by jobs that go on", s.Used, s.Price, s.Held)
	}
	if s.Status == types.SOCKET_STATUS_SETTLED && !s.Refunded.Add(s.Paid).Equal(s.Unused()) {
		return fmt.Errorf("%s and %s were paid out of %s", s.Refunded, s.Paid, s.Unused())
	}
	if err := k.checkNFT(ctx, s); err != nil {
		return err
	}
	if err := k.checkPromise(ctx, s); err != nil {
		return err
	}
	node, err := types.Address("node", s.Node)
	if err != nil {
		return err
	}
	want.nodes++
	if ok, err := k.SocketsByNode.Has(ctx, collections.Join(node, s.Id)); err != nil || !ok {
		return fmt.Errorf("it is not listed under its node: %w", err)
	}
	if s.Listed() {
		want.listings++
		if ok, err := k.Listings.Has(ctx, collections.Join3(s.App, s.AskPerEHour, s.Id)); err != nil || !ok {
			return fmt.Errorf("it is not among the listings: %w", err)
		}
	}
	if s.Holder != "" {
		want.holders++
	}
	if s.Session != "" {
		want.sessions++
		if id, err := k.SocketsBySession.Get(ctx, s.Session); err != nil || id != s.Id {
			return fmt.Errorf("session %s is %q's: %w", s.Session, id, err)
		}
		if err := k.checkSession(ctx, s); err != nil {
			return err
		}
	}
	if s.Deadline > 0 {
		want.agenda++
		if ok, err := k.Agenda.Has(ctx, deadlineOf(s.Deadline, s.Id)); err != nil || !ok {
			return fmt.Errorf("it is not on the agenda: %w", err)
		}
	}
	return nil
}

// checkNFT: the module has the NFT while it is listed or in a session. That it has
// it is no proof of either: an owner may send his NFT to the socket's own address,
// for good.
func (k *Keeper) checkNFT(ctx context.Context, s types.Socket) error {
	held := s.Listed() || s.InSession()
	owner := k.nft.Owner(ctx, types.ClassID(s.Minter), s.Id)
	switch {
	case owner.Empty():
		return fmt.Errorf("it has no NFT")
	case held != (s.Holder != ""):
		return fmt.Errorf("it is %s, its holder is %q", s.Status, s.Holder)
	case held && !owner.Equals(escrowOf(s)):
		return fmt.Errorf("it is %s, its NFT is with %s", s.Status, owner)
	}
	return nil
}

// checkSession: the session that a socket is plugged into lives, and gives back to
// the socket. From another one the socket would never be settled.
func (k *Keeper) checkSession(ctx context.Context, s types.Socket) error {
	session, err := k.market.Session(ctx, s.Session)
	switch {
	case err != nil:
		return err
	case session.Status == markettypes.SESSION_STATUS_SETTLED:
		return fmt.Errorf("its session %s is settled", s.Session)
	case session.Funder != escrowOf(s).String() || session.Source != types.SocketPromise(s.Id) || session.Node != s.Node:
		return fmt.Errorf("session %s is funded by %q with %q, for node %q", s.Session, session.Funder, session.Source, session.Node)
	}
	// Jobs of an earlier session may have given something back meanwhile.
	have := k.bank.GetBalance(ctx, escrowOf(s), types.Denom).Amount.Add(session.Deposit)
	if session.Deposit.GT(s.Unused()) || have.LT(s.Unused()) {
		return fmt.Errorf("session %s got %s, together with its escrow %s; %s are unused, it owes them", s.Session, session.Deposit, have, s.Unused())
	}
	return nil
}

// checkPromise: a socket that has not ended is reserved for; jobs out of it have
// their part of that.
func (k *Keeper) checkPromise(ctx context.Context, s types.Socket) error {
	node, err := types.Address("node", s.Node)
	if err != nil {
		return err
	}
	r, known, err := k.compute.Reservation(ctx, node, types.SocketPromise(s.Id))
	if err != nil {
		return err
	}
	ended := s.Status == types.SOCKET_STATUS_SETTLED || s.Deadline == 0
	switch {
	case ended && known:
		return fmt.Errorf("it has ended, and %d slots are still promised", r.Slots)
	case r.Slots > s.Slots || r.Power > s.Power || r.Stake.GT(s.Collateral):
		return fmt.Errorf("more is promised than it has: %v", r)
	case !ended && (r.Slots+r.Jobs != s.Slots || !r.Stake.Equal(s.Collateral)):
		return fmt.Errorf("%d slots are promised and %d lent to jobs, it has %d", r.Slots, r.Jobs, s.Slots)
	case !ended && r.Jobs == 0 && r.Power != s.Power:
		return fmt.Errorf("%d micro-E are promised, it has %d", r.Power, s.Power)
	}
	return nil
}

func (k *Keeper) checkCounts(ctx context.Context, want counts) error {
	listings, err := count(ctx, k.Listings)
	if err != nil {
		return err
	}
	nodes, err := count(ctx, k.SocketsByNode)
	if err != nil {
		return err
	}
	holders, err := count(ctx, k.SocketsByHolder)
	if err != nil {
		return err
	}
	entries, err := count(ctx, k.Agenda)
	if err != nil {
		return err
	}
	sessions, err := answers.All(ctx, k.SocketsBySession)
	if err != nil {
		return err
	}
	if have := (counts{listings, nodes, holders, len(sessions), entries}); have != want {
		return fmt.Errorf("the indexes have %+v entries, expected %+v", have, want)
	}
	return nil
}

func count[K any](ctx context.Context, set collections.KeySet[K]) (n int, err error) {
	err = set.Walk(ctx, nil, func(K) (bool, error) { n++; return false, nil })
	return n, err
}
