package types

import (
	errorsmod "cosmossdk.io/errors"
	"cosmossdk.io/math"
)

// DefaultGenesis has no sessions.
func DefaultGenesis() *GenesisState { return &GenesisState{Params: DefaultParams()} }

// Validate checks everything that can be seen without the other modules'
// state. The keeper's invariants check the sums once the state is written.
func (g GenesisState) Validate() error {
	if err := g.Params.Validate(); err != nil {
		return err
	}
	next := map[string]uint64{}
	for _, s := range g.Sequences {
		if _, err := Address("owner", s.Owner, ErrInvalidGenesis); err != nil {
			return err
		}
		next[s.Owner] = s.Next
	}
	sessions := map[string]bool{}
	for _, s := range g.Sessions {
		switch err := s.validate(); {
		case err != nil:
			return errorsmod.Wrapf(ErrInvalidGenesis, "session %.64q: %s", s.Id, err)
		case sessions[s.Id]:
			return errorsmod.Wrapf(ErrInvalidGenesis, "session %s is there twice", s.Id)
		case s.Sequence >= next[s.Owner]:
			return errorsmod.Wrapf(ErrInvalidGenesis, "session %s has sequence %d, but its owner's next is %d", s.Id, s.Sequence, next[s.Owner])
		}
		sessions[s.Id] = true
	}
	if err := g.validateLanes(sessions); err != nil {
		return err
	}
	covers := map[[2]string]bool{}
	for _, c := range g.Covers {
		at := [2]string{c.Router, c.Node}
		if covers[at] {
			return errorsmod.Wrapf(ErrInvalidGenesis, "the cover of %s for %s is there twice", c.Router, c.Node)
		}
		covers[at] = true
		if _, err := Address("router", c.Router, ErrInvalidGenesis); err != nil {
			return err
		}
		if _, err := Address("node", c.Node, ErrInvalidGenesis); err != nil {
			return err
		}
		if bad(c.Amount) || bad(c.Lower) || c.LowersAt < 0 {
			return errorsmod.Wrapf(ErrInvalidGenesis, "the cover of %s for %s has a bad amount or time", c.Router, c.Node)
		}
	}
	jobs := map[string]bool{}
	for _, j := range g.Jobs {
		if jobs[j.Job] {
			return errorsmod.Wrapf(ErrInvalidGenesis, "job %s is paid twice", j.Job)
		}
		jobs[j.Job] = true
		if err := ValidateSessionID(j.Session); err != nil {
			return err
		}
		if _, err := Address("owner", j.Owner, ErrInvalidGenesis); err != nil {
			return err
		}
		if err := validateAmount("held", j.Held, true); err != nil {
			return err
		}
		if j.Funder == "" && j.Source == "" {
			continue
		}
		if _, err := Address("funder", j.Funder, ErrInvalidGenesis); err != nil {
			return err
		}
	}
	return nil
}

func (g GenesisState) validateLanes(sessions map[string]bool) error {
	lanes := map[[3]string]bool{}
	for _, l := range g.Lanes {
		at := [3]string{l.Session, l.Router, l.Node}
		if !sessions[l.Session] || lanes[at] {
			return errorsmod.Wrapf(ErrInvalidGenesis, "lane %v is there twice, or its session is not", at)
		}
		lanes[at] = true
		if len(l.Root) != 32 || l.Amount > MaxAmount || l.FromCover > l.Amount || l.ProtocolCarry >= ShareScale {
			return errorsmod.Wrapf(ErrInvalidGenesis, "lane %v has a bad root, amount or carry", at)
		}
	}
	type place struct {
		lane     [3]string
		sequence uint64
	}
	seen := map[place]bool{}
	for _, e := range g.Evidence {
		at := place{[3]string{e.Session, e.Router, e.Node}, e.Sequence}
		if !lanes[at.lane] || seen[at] {
			return errorsmod.Wrapf(ErrInvalidGenesis, "receipt %v is there twice, or its lane is not", at)
		}
		seen[at] = true
	}
	return nil
}

func bad(n math.Int) bool { return n.IsNil() || n.IsNegative() }

// validate checks the form of a stored session.
func (s Session) validate() error {
	owner, err := Address("owner", s.Owner, ErrInvalidSession)
	if err != nil {
		return err
	}
	if s.Id != SessionID(owner, s.Sequence) {
		return errorsmod.Wrapf(ErrInvalidSession, "the id of its owner's session %d is %s", s.Sequence, SessionID(owner, s.Sequence))
	}
	if s.Status < SESSION_STATUS_OPEN || s.Status > SESSION_STATUS_SETTLED || s.Deadline <= 0 {
		return errorsmod.Wrapf(ErrInvalidSession, "status %d, deadline %d", s.Status, s.Deadline)
	}
	if err := validateKey(s.Key); err != nil {
		return err
	}
	if int(s.KeyId) != len(s.RetiredKeys)+1 || len(s.RetiredKeys) > MaxRotations {
		return errorsmod.Wrapf(ErrInvalidSession, "key %d after %d retired ones", s.KeyId, len(s.RetiredKeys))
	}
	for i, old := range s.RetiredKeys {
		if int(old.KeyId) != i+1 {
			return errorsmod.Wrapf(ErrInvalidSession, "retired key %d has the number %d", i+1, old.KeyId)
		}
		if err := validateKey(old.Key); err != nil {
			return err
		}
	}
	if len(s.Routers) > MaxRouters {
		return errorsmod.Wrapf(ErrTooMany, "%d routers", len(s.Routers))
	}
	for _, r := range s.Routers {
		if _, err := Address("router", r.Router, ErrInvalidRouter); err != nil {
			return err
		}
		if s.Router(r.Router).Pubkey == nil || validateKey(r.Pubkey) != nil || bad(r.Allotment) || bad(r.Redeemed) || bad(r.Earned) {
			return errorsmod.Wrapf(ErrInvalidSession, "router %s has a bad key or amount", r.Router)
		}
	}
	for _, n := range []math.Int{s.Deposit, s.Direct, s.Held, s.Jobs, s.Refunded, s.Fees} {
		if bad(n) || n.GT(math.NewInt(MaxAmount)) {
			return errorsmod.Wrap(ErrInvalidAmount, "an amount is missing, negative or too great")
		}
	}
	return s.validateFunding()
}
