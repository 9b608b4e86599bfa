package types

import (
	"bytes"
	"crypto/sha256"
	"math/bits"

	errorsmod "cosmossdk.io/errors"
	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"
)

const probeTag = "emc/poc/probe/1"

// Class says in which turn a node is drawn to be probed.
type Class uint32

const (
	// ClassRouter are routers: they are paid for being there, and come first.
	ClassRouter Class = iota
	// ClassUnreachable are nodes that did not answer last time: who is back should be found soon.
	ClassUnreachable
	// ClassNode are all other nodes.
	ClassNode
	// ClassDone is none: the draw is over.
	ClassDone
)

// Places is how many targets are drawn in all once the class has had its turn.
// Routers leave half of the places to the nodes and those that are unreachable a
// quarter: a swarm of one kind must not keep the others from being looked at.
func (c Class) Places(targets uint32) uint32 {
	switch c {
	case ClassRouter:
		return targets - targets/2
	case ClassUnreachable:
		return targets - targets/4
	}
	return targets
}

// ProbeStart is where the draw of a class begins in the circle of addresses. The
// nodes that follow it are drawn: no address can be mined that is never among them,
// which lots by the distance to a neighbour would allow.
func ProbeStart(beacon []byte, c Class) []byte {
	h := sha256.Sum256(append(append([]byte(probeTag), byte(c)), beacon...))
	return h[:20]
}

// NewProbeEpoch is an epoch that begins.
func NewProbeEpoch(number uint64, height, closesAt int64, beacon []byte) ProbeEpoch {
	return ProbeEpoch{
		Number: number, Phase: PROBE_PHASE_DRAWING, Height: height, ClosesAt: closesAt, Beacon: beacon,
		Weight: math.ZeroInt(), Minted: math.ZeroInt(), Paid: math.ZeroInt(),
	}
}

// Active reports whether the epoch has still something to wait for.
func (e ProbeEpoch) Active() bool { return e.Number > 0 && e.Phase != PROBE_PHASE_CLOSED }

// Member reports whether a validator's report counts.
func (e ProbeEpoch) Member(validator string) bool {
	for _, m := range e.Members {
		if m.Validator == validator {
			return true
		}
	}
	return false
}

// Decidable reports whether anything can be concluded if every member reports.
func (e ProbeEpoch) Decidable(p Params) bool {
	all := ProbeCount{Reporters: uint32(len(e.Members))}
	for _, m := range e.Members {
		all.Power += m.Power
	}
	return all.Enough(e.Bonded, p)
}

// ProbeCount is what the reports say of one target.
type ProbeCount struct {
	// Reporters asked it; Power is theirs, Passed that of those who got an answer.
	Reporters     uint32
	Power, Passed uint64
}

// Count counts the reports on a target. Reports stand in the order of the members;
// nil is who did not report.
func Count(index uint32, members []ProbeMember, reports []*ProbeReport) ProbeCount {
	var c ProbeCount
	for i, r := range reports {
		if r == nil || !bit(r.Probed, index) {
			continue
		}
		c.Reporters++
		c.Power += members[i].Power
		if bit(r.Passed, index) {
			c.Passed += members[i].Power
		}
	}
	return c
}

// Enough reports whether anything may be concluded: so many validators reported,
// with such a share of the bonded power. With half of it, nobody with less than a
// third of the bonded power can have two thirds of what was reported.
func (c ProbeCount) Enough(bonded uint64, p Params) bool {
	return c.Reporters >= p.ProbeMinReporters && c.Power > 0 && atLeast(c.Power, Whole, bonded, uint64(p.ProbeQuorumBps))
}

// Verdict is what is concluded.
func (c ProbeCount) Verdict(bonded uint64, p Params) Verdict {
	switch {
	case !c.Enough(bonded, p):
		return VERDICT_UNDECIDED
	case atLeast(c.Power-c.Passed, 3, c.Power, 2):
		return VERDICT_UNREACHABLE
	}
	return VERDICT_ANSWERED
}

// Backed is the part of a router's stake that is paid for: all of it when two
// thirds of the reporting power got an answer, so that the lies of less than a third
// take nothing from who is there; nothing when two thirds got none; between them the
// share that got one, rounded down.
func (c ProbeCount) Backed(stake math.Int) math.Int {
	switch {
	case c.Power == 0 || atLeast(c.Power-c.Passed, 3, c.Power, 2):
		return math.ZeroInt()
	case atLeast(c.Passed, 3, c.Power, 2):
		return stake
	}
	return share(stake, c.Passed, c.Power)
}

// atLeast compares a·x with b·y, in 128 bits.
func atLeast(a, x, b, y uint64) bool {
	ah, al := bits.Mul64(a, x)
	bh, bl := bits.Mul64(b, y)
	return ah > bh || (ah == bh && al >= bl)
}

func bit(set []byte, i uint32) bool {
	return int(i/8) < len(set) && set[i/8]>>(i%8)&1 == 1
}

// ReportBytes is how long each of a report's sets is.
func ReportBytes(targets uint32) int { return int(targets+7) / 8 }

// SetBit adds a target to a set of a report.
func SetBit(set []byte, i uint32) { set[i/8] |= 1 << (i % 8) }

// Ones counts the targets in a set of a report.
func Ones(set []byte) uint32 {
	n := 0
	for _, b := range set {
		n += bits.OnesCount8(b)
	}
	return uint32(n)
}

// CheckReport checks a report's sets: they cover what was drawn and nothing else,
// and what answered was asked.
func CheckReport(targets uint32, probed, passed []byte) error {
	if want := ReportBytes(targets); len(probed) != want || len(passed) != want {
		return errorsmod.Wrapf(ErrInvalidReport, "sets of %d and %d bytes, %d targets take %d", len(probed), len(passed), targets, want)
	}
	if rest := targets % 8; rest > 0 && probed[len(probed)-1]>>rest != 0 {
		return errorsmod.Wrapf(ErrInvalidReport, "there are only %d targets", targets)
	}
	for i := range passed {
		if passed[i]&^probed[i] != 0 {
			return errorsmod.Wrapf(ErrInvalidReport, "a target answered that was not asked, among the targets %d to %d", 8*i, 8*i+7)
		}
	}
	if bytes.Count(probed, []byte{0}) == len(probed) {
		return errorsmod.Wrap(ErrInvalidReport, "nothing was probed: then there is nothing to report")
	}
	return nil
}

// Validate checks what can be checked without the state.
func (m MsgSetProber) Validate() (sdk.ValAddress, error) {
	validator, err := sdk.ValAddressFromBech32(m.Validator)
	if err != nil {
		return nil, errorsmod.Wrapf(ErrNotValidator, "%q: %s", m.Validator, err)
	}
	if m.Prober == "" {
		return validator, nil
	}
	prober, err := sdk.AccAddressFromBech32(m.Prober)
	if err != nil {
		return nil, errorsmod.Wrapf(ErrProber, "%q: %s", m.Prober, err)
	}
	// The key lies on a server that talks to strangers: it must not be worth stealing.
	if prober.Equals(sdk.AccAddress(validator)) {
		return nil, errorsmod.Wrap(ErrProber, "the validator's own key is no hot key: make another, with `emcd keys add prober`")
	}
	return validator, nil
}

// Validate checks what can be checked without the state.
func (m MsgReportProbes) Validate() (sdk.ValAddress, error) {
	validator, err := sdk.ValAddressFromBech32(m.Validator)
	if err != nil {
		return nil, errorsmod.Wrapf(ErrNotValidator, "%q: %s", m.Validator, err)
	}
	if _, err := sdk.AccAddressFromBech32(m.Prober); err != nil {
		return nil, errorsmod.Wrapf(ErrProber, "%q: %s", m.Prober, err)
	}
	if most := ReportBytes(MaxProbeTargets); len(m.Probed) > most || len(m.Passed) > most {
		return nil, errorsmod.Wrapf(ErrInvalidReport, "sets of %d and %d bytes, at most %d are taken", len(m.Probed), len(m.Passed), most)
	}
	return validator, nil
}
