package types

import (
	errorsmod "cosmossdk.io/errors"
	"cosmossdk.io/math"

	computetypes "github.com/edgematrix/emc/x/compute/types"
)

// DefaultGenesis has no sockets.
func DefaultGenesis() *GenesisState { return &GenesisState{Params: DefaultParams()} }

// Validate checks everything that can be seen without the other modules'
// state. The keeper's invariants check the rest once the state is written.
func (g GenesisState) Validate() error {
	if err := g.Params.Validate(); err != nil {
		return err
	}
	next := map[string]uint64{}
	for _, s := range g.Sequences {
		if _, err := Address("minter", s.Minter); err != nil {
			return errorsmod.Wrap(ErrInvalidGenesis, err.Error())
		}
		if _, twice := next[s.Minter]; twice {
			return errorsmod.Wrapf(ErrInvalidGenesis, "the sequence of %s is there twice", s.Minter)
		}
		next[s.Minter] = s.Next
	}
	sockets := map[string]bool{}
	for _, s := range g.Sockets {
		switch err := s.validate(); {
		case err != nil:
			return errorsmod.Wrapf(ErrInvalidGenesis, "socket %.64q: %s", s.Id, err)
		case sockets[s.Id]:
			return errorsmod.Wrapf(ErrInvalidGenesis, "socket %s is there twice", s.Id)
		case s.Sequence >= next[s.Minter]:
			return errorsmod.Wrapf(ErrInvalidGenesis, "socket %s has sequence %d, but its minter's next is %d", s.Id, s.Sequence, next[s.Minter])
		}
		sockets[s.Id] = true
	}
	return nil
}

// validate checks the form of a stored socket.
func (s Socket) validate() error {
	minter, err := Address("minter", s.Minter)
	if err != nil {
		return err
	}
	if _, err := Address("node", s.Node); err != nil {
		return err
	}
	if s.Id != SocketID(minter, s.Sequence) {
		return errorsmod.Wrapf(ErrInvalidSocket, "the id of its minter's socket %d is %s", s.Sequence, SocketID(minter, s.Sequence))
	}
	for _, n := range []math.Int{s.Collateral, s.Ask, s.Price, s.Used, s.Failed, s.Held, s.Refunded, s.Paid} {
		if n.IsNil() || n.IsNegative() || n.GT(math.NewInt(MaxAmount)) {
			return errorsmod.Wrap(ErrInvalidAmount, "an amount is missing, negative or too great")
		}
	}
	if err := computetypes.ValidateAppID(s.App); err != nil {
		return err
	}
	if s.Holder != "" {
		if _, err := Address("holder", s.Holder); err != nil {
			return err
		}
	}
	if err := s.validateTimes(); err != nil {
		return err
	}
	held := s.Listed() || s.InSession()
	switch {
	case s.Slots == 0 || s.Slots > MaxSlots || s.Power == 0 || s.Power%uint64(s.Slots) != 0 || s.Power/uint64(s.Slots) > MaxSlotPower:
		return errorsmod.Wrapf(ErrInvalidSocket, "%d slots with %d micro-E", s.Slots, s.Power)
	case s.Status < SOCKET_STATUS_MINTED || s.Status > SOCKET_STATUS_SETTLED:
		return errorsmod.Wrapf(ErrInvalidSocket, "status %d", s.Status)
	case s.Used.GT(s.Price) || s.Refunded.Add(s.Paid).GT(s.Unused()):
		return errorsmod.Wrap(ErrInvalidSocket, "more was used or paid out than was paid")
	case held != (s.Holder != "") || s.InSession() != (s.Session != "") || s.Listed() && s.InSession():
		return errorsmod.Wrapf(ErrInvalidSocket, "status %s with holder %q, session %q and ask %s", s.Status, s.Holder, s.Session, s.Ask)
	case s.Sold() == (s.Status == SOCKET_STATUS_MINTED) && s.Status != SOCKET_STATUS_SETTLED, !s.Sold() && s.Price.IsPositive():
		return errorsmod.Wrapf(ErrInvalidSocket, "status %s, sold at %d for %s", s.Status, s.SoldAt, s.Price)
	case s.Held.GT(s.Used):
		return errorsmod.Wrapf(ErrInvalidSocket, "%s are held by jobs, of %s that are used", s.Held, s.Used)
	case s.Status != SOCKET_STATUS_SETTLED && !s.Refunded.Add(s.Paid).IsZero():
		return errorsmod.Wrapf(ErrInvalidSocket, "%s and %s are paid out, and its status is %s", s.Refunded, s.Paid, s.Status)
	case s.Royalty > ShareScale:
		return errorsmod.Wrapf(ErrInvalidSocket, "a royalty of %d hundredths of a percent", s.Royalty)
	}
	return nil
}

// validateTimes: every socket ends. One in a session whose end waits for the
// session's has no deadline of its own.
func (s Socket) validateTimes() error {
	for _, at := range []int64{s.MintedAt, s.SoldAt, s.ExpiresAt, s.SettledAt, s.Deadline} {
		if at < 0 || at > computetypes.MaxTime {
			return errorsmod.Wrapf(ErrInvalidSocket, "a time is %d", at)
		}
	}
	switch {
	case s.ExpiresAt == 0 || s.SoldAt >= s.ExpiresAt:
		return errorsmod.Wrapf(ErrInvalidSocket, "sold at %d, and it expires at %d", s.SoldAt, s.ExpiresAt)
	case s.Deadline == 0 && s.Status != SOCKET_STATUS_UNPLUGGING:
		return errorsmod.Wrapf(ErrInvalidSocket, "it is %s, and would never end: it has no deadline", s.Status)
	}
	return nil
}
