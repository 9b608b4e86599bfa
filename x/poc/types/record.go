package types

import (
	"slices"

	errorsmod "cosmossdk.io/errors"
	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"
)

// NewRecord is that of a node which has proved nothing.
func NewRecord(node string) Record { return Record{Node: node, Earned: math.ZeroInt()} }

// Add adds the result of a window, and forgets those before the last so many.
func (r *Record) Add(s Score, windows uint32) {
	r.Scores = slices.DeleteFunc(r.Scores, func(old Score) bool {
		return old.Number+uint64(windows) <= s.Number || old.Number >= s.Number
	})
	r.Scores = append(r.Scores, s)
	switch s.Outcome {
	case OUTCOME_PROVED:
		r.Proved++
		r.Proven = s.Power
	case OUTCOME_SILENT:
		r.Silent++
	case OUTCOME_WRONG:
		r.Wrong++
	}
}

// Quartile is the lower quartile of the powers of the last so many windows up to
// a number. A window that was missed counts as 0, and so do those before the
// first: hardware that is rented by the hour proves nothing for tomorrow.
func (r Record) Quartile(number uint64, windows uint32) uint64 {
	var powers []uint64
	for _, s := range r.Scores {
		if s.Number <= number && s.Number+uint64(windows) > number {
			powers = append(powers, s.Power)
		}
	}
	missed := int(windows) - len(powers)
	place := int(windows / 4)
	if place < missed {
		return 0
	}
	slices.Sort(powers)
	return powers[place-missed]
}

// Changes is the number of the window after which the quartile is another if the
// node stays away from now on; 0 if it never is.
func (r Record) Changes(number uint64, windows uint32) uint64 {
	now := r.Quartile(number, windows)
	if now == 0 {
		return 0
	}
	for later := number + 1; ; later++ { // at number + windows it is 0
		if r.Quartile(later, windows) != now {
			return later
		}
	}
}

// Silences counts in how many of the last windows the node was drawn and silent.
func (r Record) Silences(number uint64, windows uint32) uint32 {
	var n uint32
	for _, s := range r.Scores {
		if s.Outcome == OUTCOME_SILENT && s.Number <= number && s.Number+uint64(windows) > number {
			n++
		}
	}
	return n
}

// Suspect reports whether the node opens more tiles in the window after a number:
// while it is new, and after a fault.
func (r Record) Suspect(number uint64, windows uint32) bool {
	return r.Proved < uint64(windows) || number < r.SuspectUntil
}

// Validate checks a stored record.
func (r Record) Validate() error {
	if _, err := nodeAddress(r.Node); err != nil {
		return errorsmod.Wrap(ErrInvalidGenesis, err.Error())
	}
	if r.Earned.IsNil() || r.Earned.IsNegative() || len(r.Scores) > MaxPowerWindows {
		return errorsmod.Wrapf(ErrInvalidGenesis, "record of %s: earned %s, %d scores", r.Node, r.Earned, len(r.Scores))
	}
	for i, s := range r.Scores {
		if s.Number == 0 || (i > 0 && s.Number <= r.Scores[i-1].Number) || s.Power > MaxPower {
			return errorsmod.Wrapf(ErrInvalidGenesis, "record of %s: score of window %d with power %d", r.Node, s.Number, s.Power)
		}
	}
	return nil
}

// NewReward is that of an operator who has earned nothing.
func NewReward(operator string) Reward {
	return Reward{Operator: operator, Claimable: Uemc(math.ZeroInt()), Claimed: Uemc(math.ZeroInt())}
}

// Validate checks a stored reward.
func (r Reward) Validate() error {
	if _, err := sdk.AccAddressFromBech32(r.Operator); err != nil {
		return errorsmod.Wrapf(ErrInvalidGenesis, "rewards of %q: %s", r.Operator, err)
	}
	for _, c := range []sdk.Coin{r.Claimable, r.Claimed} {
		if c.Denom != Denom || c.Amount.IsNil() || c.Amount.IsNegative() {
			return errorsmod.Wrapf(ErrInvalidGenesis, "rewards of %s: %s", r.Operator, c)
		}
	}
	return nil
}

// NewEmission is that of a new chain.
func NewEmission() Emission {
	return Emission{Accounted: math.ZeroInt(), Minted: math.ZeroInt(), Undivided: math.ZeroInt(), RoutersDue: math.ZeroInt(), UndividedRouters: math.ZeroInt()}
}

// Owed is what rounding left over of what was minted.
func (e Emission) Owed() math.Int { return e.Undivided.Add(e.UndividedRouters) }

// Complete is an emission in which nothing is missing: chains of the first version
// paid no routers.
func (e Emission) Complete() Emission {
	for _, a := range []*math.Int{&e.Accounted, &e.Minted, &e.Undivided, &e.RoutersDue, &e.UndividedRouters} {
		if a.IsNil() {
			*a = math.ZeroInt()
		}
	}
	return e
}

// Validate checks a stored emission.
func (e Emission) Validate() error {
	for _, a := range []math.Int{e.Accounted, e.Minted, e.Undivided, e.RoutersDue, e.UndividedRouters} {
		if a.IsNil() || a.IsNegative() {
			return errorsmod.Wrapf(ErrInvalidGenesis, "emission: amounts must be given and not negative")
		}
	}
	if e.Minted.Add(e.RoutersDue).GT(e.Accounted) || e.Owed().GT(e.Minted) || e.Started < 0 {
		return errorsmod.Wrapf(ErrInvalidGenesis, "emission: minted %s and due to routers %s of %s, %s undivided, started %d", e.Minted, e.RoutersDue, e.Accounted, e.Owed(), e.Started)
	}
	return nil
}

// Weight is what of a power is backed by stake, so that stake and contribution
// match. It is linear but for the rounding down: to split or merge identities
// gains nothing.
func Weight(power uint64, stake math.Int, perE math.Int) uint64 {
	backed := stake.MulRaw(MicroE).Quo(perE)
	if backed.IsUint64() {
		return min(power, backed.Uint64())
	}
	return power
}
