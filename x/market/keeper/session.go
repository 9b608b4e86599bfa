package keeper

import (
	"context"
	"errors"

	"cosmossdk.io/collections"
	errorsmod "cosmossdk.io/errors"

	sdk "github.com/cosmos/cosmos-sdk/types"

	computetypes "github.com/edgematrix/emc/x/compute/types"
	"github.com/edgematrix/emc/x/market/types"
)

// Session loads a session.
func (k *Keeper) Session(ctx context.Context, id string) (types.Session, error) {
	if err := types.ValidateSessionID(id); err != nil {
		return types.Session{}, err
	}
	s, err := k.Sessions.Get(ctx, id)
	if errors.Is(err, collections.ErrNotFound) {
		return s, errorsmod.Wrapf(types.ErrSessionNotFound, "no session %s; settled ones leave the state after their retention", id)
	}
	return s, err
}

// ownSession loads an open session for a message of its owner.
func (k *Keeper) ownSession(ctx context.Context, id, owner string) (types.Session, error) {
	s, err := k.Session(ctx, id)
	if err != nil {
		return s, err
	}
	if s.Owner != owner {
		return s, errorsmod.Wrapf(types.ErrNotOwner, "session %s belongs to %s, not to %s", id, s.Owner, owner)
	}
	return s, checkOpen(s)
}

func checkOpen(s types.Session) error {
	if s.Status != types.SESSION_STATUS_OPEN {
		return errorsmod.Wrapf(types.ErrWrongStatus, "session %s is %s; open a new one", s.Id, types.StatusWord(s.Status))
	}
	return nil
}

// NextSequence is the number that the owner's next session gets.
func (k *Keeper) NextSequence(ctx context.Context, owner sdk.AccAddress) (uint64, error) {
	seq, err := k.SessionSequences.Get(ctx, owner)
	if errors.Is(err, collections.ErrNotFound) {
		return 0, nil
	}
	return seq, err
}

// takeSequence takes it.
func (k *Keeper) takeSequence(ctx context.Context, owner sdk.AccAddress) (uint64, error) {
	seq, err := k.NextSequence(ctx, owner)
	if err != nil {
		return 0, err
	}
	return seq, k.SessionSequences.Set(ctx, owner, seq+1)
}

// allot adds allotments to s; the session is written by the caller. A router is
// bound when it is named for the first time, with the key that it has now.
func (k *Keeper) allot(ctx context.Context, s *types.Session, list []types.Allotment) error {
	for _, a := range list {
		bound := s.Router(a.Router)
		if bound == nil {
			if len(s.Routers) >= types.MaxRouters {
				return errorsmod.Wrapf(types.ErrTooMany, "session %s has %d routers already", s.Id, types.MaxRouters)
			}
			addr, key, err := k.bondedRouter(ctx, a.Router)
			if err != nil {
				return err
			}
			s.Routers = append(s.Routers, types.Sequencer{Router: a.Router, Pubkey: key, Allotment: zero(), Redeemed: zero(), Earned: zero()})
			if err := k.SessionsByRouter.Set(ctx, collections.Join(addr, s.Id)); err != nil {
				return err
			}
			bound = &s.Routers[len(s.Routers)-1]
		}
		bound.Allotment = bound.Allotment.Add(a.Amount.Amount)
	}
	if free := s.Free(); free.IsNegative() {
		return errorsmod.Wrapf(types.ErrNotFree, "the allotments would be %s more than is free; top up by as much", types.Uemc(free.Neg()))
	}
	return nil
}

// bondedRouter is a router that may be trusted with an allotment: registered,
// with stake, and not jailed.
func (k *Keeper) bondedRouter(ctx context.Context, router string) (sdk.AccAddress, []byte, error) {
	addr, err := types.Address("router", router, types.ErrInvalidRouter)
	if err != nil {
		return nil, nil, err
	}
	n, err := k.compute.Node(ctx, addr)
	switch {
	case errors.Is(err, computetypes.ErrNodeNotFound):
		return nil, nil, errorsmod.Wrapf(types.ErrInvalidRouter, "%s is not registered", router)
	case err != nil:
		return nil, nil, err
	case n.Role != computetypes.ROLE_ROUTER:
		return nil, nil, errorsmod.Wrapf(types.ErrInvalidRouter, "%s is a computing node", router)
	case !n.Stake.IsPositive():
		return nil, nil, errorsmod.Wrapf(types.ErrInvalidRouter, "%s has no stake", router)
	case n.Jailed || n.Retiring:
		return nil, nil, errorsmod.Wrapf(types.ErrInvalidRouter, "%s is jailed or retiring", router)
	}
	return addr, n.Pubkey, nil
}

// setSession writes a session whose deadline is at, and moves it on the agenda.
func (k *Keeper) setSession(ctx context.Context, s types.Session, at int64) error {
	if s.Deadline != at {
		if s.Deadline != 0 {
			if err := k.Agenda.Remove(ctx, sessionEntry(s.Deadline, s.Id)); err != nil {
				return err
			}
		}
		s.Deadline = at
		if err := k.Agenda.Set(ctx, sessionEntry(at, s.Id)); err != nil {
			return err
		}
	}
	return k.Sessions.Set(ctx, s.Id, s)
}

// advance moves a session to its next status, which ends in seconds.
func (k *Keeper) advance(ctx context.Context, s types.Session, status types.SessionStatus, seconds uint64) (int64, error) {
	clock, err := k.compute.NetworkClock(ctx)
	if err != nil {
		return 0, err
	}
	s.Status = status
	at := clock.Now(blockTime(ctx)) + int64(seconds)
	if err := k.setSession(ctx, s, at); err != nil {
		return 0, err
	}
	told := clock.Outside(at)
	return told, emit(ctx, &types.EventSessionStatus{Session: s.Id, Owner: s.Owner, Status: status, Deadline: told, Reason: s.Reason})
}

// timeOut does what a session's deadline stands for. It returns the records
// that were looked at.
func (k *Keeper) timeOut(ctx context.Context, params types.Params, id string) (int, error) {
	s, err := k.Sessions.Get(ctx, id)
	if err != nil {
		return 0, err
	}
	switch s.Status {
	case types.SESSION_STATUS_OPEN:
		s.Reason = "it expired"
		_, err := k.advance(ctx, s, types.SESSION_STATUS_CLOSING, params.ClosingSeconds)
		return 0, err
	case types.SESSION_STATUS_CLOSING:
		_, err := k.advance(ctx, s, types.SESSION_STATUS_LAST, params.LastSeconds)
		return 0, err
	case types.SESSION_STATUS_LAST:
		return len(s.Routers), k.settle(ctx, params, s)
	default:
		return k.forget(ctx, s)
	}
}

// settle pays the routers what they earned, and the rest to the owner or the funder.
func (k *Keeper) settle(ctx context.Context, params types.Params, s types.Session) error {
	for i := range s.Routers {
		if _, err := k.collect(ctx, &s, &s.Routers[i]); err != nil {
			return err
		}
		addr, err := types.Address("router", s.Routers[i].Router, types.ErrInvalidRouter)
		if err != nil {
			return err
		}
		if err := k.SessionsByRouter.Remove(ctx, collections.Join(addr, s.Id)); err != nil {
			return err
		}
	}
	if _, err := k.collectFees(ctx, &s); err != nil {
		return err
	}
	rest := s.Left()
	if err := k.giveBack(ctx, s.Id, s.Owner, s.Funder, rest); err != nil {
		return err
	}
	s.Refunded, s.SettledAt = s.Refunded.Add(rest), blockTime(ctx)
	if _, err := k.advance(ctx, s, types.SESSION_STATUS_SETTLED, params.RetentionSeconds); err != nil {
		return err
	}
	settled := &types.EventSessionSettled{Session: s.Id, Owner: s.Owner, Refunded: types.Uemc(rest).String(), Funder: s.Funder}
	if err := emit(ctx, settled); err != nil {
		return err
	}
	s, err := k.Sessions.Get(ctx, s.Id)
	if err != nil {
		return err
	}
	return k.hooks.AfterSessionSettled(ctx, s)
}

// forgetAtOnce bounds the records that one turn of the agenda removes: whoever
// redeems can make as many lanes as he pays for.
const forgetAtOnce = 50

// forget removes a settled session after its retention, a bounded part of its
// lanes and receipts at a time. The owner's sequence stays, so that no id comes
// twice.
func (k *Keeper) forget(ctx context.Context, s types.Session) (int, error) {
	lanes, err := first(ctx, k.Lanes, collections.NewPrefixedTripleRange[string, sdk.AccAddress, sdk.AccAddress](s.Id), forgetAtOnce)
	if err != nil {
		return 0, err
	}
	for _, key := range lanes {
		if err := k.Lanes.Remove(ctx, key); err != nil {
			return 0, err
		}
	}
	removed := len(lanes)
	receipts, err := first(ctx, k.Evidence, receiptsOf(s.Id), forgetAtOnce-removed)
	if err != nil {
		return 0, err
	}
	for _, key := range receipts {
		if err := k.Evidence.Remove(ctx, key); err != nil {
			return 0, err
		}
	}
	if removed += len(receipts); removed == forgetAtOnce {
		return removed, k.setSession(ctx, s, s.Deadline+1) // another turn, behind those that wait
	}
	if err := k.Agenda.Remove(ctx, sessionEntry(s.Deadline, s.Id)); err != nil {
		return removed, err
	}
	return removed, k.Sessions.Remove(ctx, s.Id)
}

// receiptsOf ranges over a session's recorded receipts.
func receiptsOf(session string) collections.Ranger[receiptKey] {
	return collections.NewPrefixedQuadRange[string, sdk.AccAddress, sdk.AccAddress, uint64](session)
}

// first collects the first keys of a range.
func first[K, V any](ctx context.Context, m collections.Map[K, V], in collections.Ranger[K], most int) ([]K, error) {
	iter, err := m.Iterate(ctx, in)
	if err != nil {
		return nil, err
	}
	defer iter.Close()
	var out []K
	for ; iter.Valid() && len(out) < most; iter.Next() {
		key, err := iter.Key()
		if err != nil {
			return nil, err
		}
		out = append(out, key)
	}
	return out, nil
}
