package types

import (
	"crypto/sha256"

	errorsmod "cosmossdk.io/errors"

	sdk "github.com/cosmos/cosmos-sdk/types"
)

// validateProbes checks what a genesis says of probes: targets and reports are those
// of an epoch under way.
func (g GenesisState) validateProbes() error {
	bad := func(format string, args ...any) error { return errorsmod.Wrapf(ErrInvalidGenesis, format, args...) }
	seen := map[string]bool{}
	for _, p := range g.Probers {
		if _, err := MsgSetProber(p).Validate(); err != nil {
			return bad("prober of %q: %s", p.Validator, err)
		}
		if p.Prober == "" || seen[p.Validator] {
			return bad("validator %s has two probers, or an empty one", p.Validator)
		}
		seen[p.Validator] = true
	}
	var last ProbeEpoch
	for i, e := range g.ProbeEpochs {
		if err := e.Validate(); err != nil {
			return err
		}
		if i > 0 && (e.Number != last.Number+1 || last.Active()) {
			return bad("epoch of probes %d follows %d, which is in %s", e.Number, last.Number, last.Phase)
		}
		last = e
	}
	if !last.Active() {
		if len(g.ProbeTargets)+len(g.ProbeReports) > 0 {
			return bad("%d targets and %d reports, and no epoch of probes is under way", len(g.ProbeTargets), len(g.ProbeReports))
		}
		return nil
	}
	return g.validateEpoch(last)
}

// validateEpoch checks the targets and reports of the epoch under way.
func (g GenesisState) validateEpoch(e ProbeEpoch) error {
	bad := func(format string, args ...any) error { return errorsmod.Wrapf(ErrInvalidGenesis, format, args...) }
	first := uint32(0)
	if e.Phase == PROBE_PHASE_PAYING {
		first = e.Next // those before it are paid and gone
	}
	if uint32(len(g.ProbeTargets)) != e.Targets-min(first, e.Targets) {
		return bad("epoch %d has %d targets from %d on, %d are given", e.Number, e.Targets, first, len(g.ProbeTargets))
	}
	for i, t := range g.ProbeTargets {
		if t.Index != first+uint32(i) || len(t.Node) != 20 || t.Weight.IsNil() || t.Weight.IsNegative() {
			return bad("target %d of epoch %d", t.Index, e.Number)
		}
		if _, err := sdk.AccAddressFromBech32(t.Operator); err != nil && t.Weight.IsPositive() {
			return bad("target %d is paid to %q: %s", t.Index, t.Operator, err)
		}
	}
	seen := map[string]bool{}
	for _, r := range g.ProbeReports {
		if seen[r.Validator] || !e.Member(r.Validator) {
			return bad("a report of %s, who reported already, or may not", r.Validator)
		}
		seen[r.Validator] = true
		if err := CheckReport(e.Targets, r.Probed, r.Passed); err != nil {
			return bad("report of %s: %s", r.Validator, err)
		}
	}
	return nil
}

// Validate checks a stored epoch.
func (e ProbeEpoch) Validate() error {
	bad := func(format string, args ...any) error {
		return errorsmod.Wrapf(ErrInvalidGenesis, "epoch of probes %d: "+format, append([]any{e.Number}, args...)...)
	}
	switch {
	case e.Number == 0 || e.Phase < PROBE_PHASE_DRAWING || e.Phase > PROBE_PHASE_CLOSED:
		return bad("phase %d", e.Phase)
	case e.Height < 0 || e.ClosesAt < e.Height || len(e.Beacon) != sha256.Size:
		return bad("from height %d to %d with a beacon of %d bytes", e.Height, e.ClosesAt, len(e.Beacon))
	case e.Targets > MaxProbeTargets || e.Next > e.Targets || Class(e.Class) > ClassDone:
		return bad("%d targets, the next is %d, class %d", e.Targets, e.Next, e.Class)
	case e.Weight.IsNil() || e.Minted.IsNil() || e.Paid.IsNil() || e.Weight.IsNegative() || e.Minted.IsNegative() || e.Paid.IsNegative():
		return bad("amounts must be given and not negative")
	}
	var sum uint64
	seen := map[string]bool{}
	for _, m := range e.Members {
		if _, err := sdk.ValAddressFromBech32(m.Validator); err != nil || seen[m.Validator] {
			return bad("member %q is none, or is there twice", m.Validator)
		}
		seen[m.Validator] = true
		if sum += m.Power; m.Power == 0 || sum < m.Power || sum > e.Bonded {
			return bad("the members have more power than the %d that is bonded, or %s none", e.Bonded, m.Validator)
		}
	}
	return nil
}
