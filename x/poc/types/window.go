package types

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"math/big"
	"math/bits"
	"time"

	errorsmod "cosmossdk.io/errors"
	sdkmath "cosmossdk.io/math"

	"github.com/edgematrix/emc/pkg/proof"
)

// Tags keep the uses of the hash apart.
const (
	openTag = "emc/poc/open/1"
	lotTag  = "emc/poc/lot/1"
)

// MaxPower bounds what one commitment may claim, in micro-E: sums of it fit into
// 64 bits, and no node comes near it.
const MaxPower = 1 << 50

// Everyone is the threshold that no lot is above.
const Everyone = math.MaxUint64

// Opens reports whether a block with this beacon opens a window, when one in mean does.
func Opens(beacon []byte, mean uint64) bool {
	if mean <= 1 {
		return true
	}
	h := sha256.Sum256(append([]byte(openTag), beacon...))
	below, _ := bits.Div64(1, 0, mean) // 2^64 / mean
	return binary.LittleEndian.Uint64(h[:]) < below
}

// Lot is a node's number in the draw of those who reveal.
func Lot(draw []byte, node []byte) uint64 {
	h := sha256.Sum256(append(append([]byte(lotTag), draw...), node...))
	return binary.LittleEndian.Uint64(h[:])
}

// Below is the threshold by which about want of have lots are drawn.
func Below(want, have uint64) uint64 {
	if want >= have {
		return Everyone
	}
	below, _ := bits.Div64(want, 0, have)
	return below
}

// Places divides the places of those who reveal: new and suspect nodes come
// first, but never take more than half from the others. Otherwise a swarm of new
// identities would keep everybody else from being looked at.
func Places(places, suspects, others uint64) (forSuspects, forOthers uint64) {
	forSuspects = min(suspects, max((places+1)/2, places-min(places, others)))
	return forSuspects, places - forSuspects
}

// Active reports whether the window has still something to wait for.
func (w Window) Active() bool {
	return w.Height > 0 && w.Phase != PHASE_CLOSED && w.Phase != PHASE_VOID
}

// Drawn reports whether a commitment has to be opened.
func (w Window) Drawn(c Commit) bool {
	below := w.DrawBelow
	if c.Suspect {
		below = w.SuspectDrawBelow
	}
	return Lot(w.Draw, c.Node) <= below
}

// Threshold is the one by which a commitment was drawn or not.
func (w Window) Threshold(c Commit) uint64 {
	if c.Suspect {
		return w.SuspectDrawBelow
	}
	return w.DrawBelow
}

// SamplesOf is how many tiles of a commitment are to be opened.
func (w Window) SamplesOf(c Commit) int {
	if c.Suspect {
		return int(w.SuspectSamples)
	}
	return int(w.Samples)
}

// Claim is the power in micro-E that a commitment claims in a window that took so long.
func (w Window) Claim(c Commit) uint64 {
	power := proof.MicroE(c.Commitment(), time.Duration(w.TookNanoseconds))
	if power.Cmp(big.NewInt(MaxPower)) > 0 {
		return MaxPower
	}
	return power.Uint64()
}

// Validate checks a stored window.
func (w Window) Validate() error {
	bad := func(format string, args ...any) error {
		return errorsmod.Wrapf(ErrInvalidGenesis, "window %d: "+format, append([]any{w.Height}, args...)...)
	}
	switch {
	case w.Height < 1:
		return bad("its height must be above 0")
	case w.Phase < PHASE_OPEN || w.Phase > PHASE_VOID:
		return bad("phase %d", w.Phase)
	case len(w.Beacon) != sha256.Size || (len(w.Draw) != 0 && len(w.Draw) != sha256.Size):
		return bad("beacon of %d and draw of %d bytes, expected %d", len(w.Beacon), len(w.Draw), sha256.Size)
	case w.ClosesAt <= w.Height || w.TookNanoseconds < 0:
		return bad("it closes at %d after %d ns", w.ClosesAt, w.TookNanoseconds)
	case w.Minted.IsNil() || w.MintedValidators.IsNil() || w.Paid.IsNil() || w.Minted.IsNegative() || w.MintedValidators.IsNegative() || w.Paid.IsNegative():
		return bad("amounts must be given and not negative")
	case w.Samples > MaxSamples || w.SuspectSamples > MaxSamples:
		return bad("%d and %d samples, at most %d are opened", w.Samples, w.SuspectSamples, MaxSamples)
	case (w.Phase == PHASE_REVEAL || w.Phase == PHASE_SETTLING || w.Phase == PHASE_PAYING) &&
		(len(w.Draw) == 0 || w.Number == 0 || w.RevealUntil <= w.DrawnAt || w.Samples == 0 || w.SuspectSamples == 0):
		return bad("phase %s without a complete draw", w.Phase)
	}
	return nil
}

// Penalty is the share of a stake that a wrong proof costs: base hundredths of a
// percent, divided by the probability with which the node was drawn, up to all of
// it. Rounded up.
func Penalty(stake sdkmath.Int, base uint32, threshold uint64) sdkmath.Int {
	probability := new(big.Int).Add(new(big.Int).SetUint64(threshold), big.NewInt(1)) // of 2^64
	cost := new(big.Int).Lsh(new(big.Int).Mul(stake.BigInt(), big.NewInt(int64(base))), 64)
	by := probability.Mul(probability, big.NewInt(Whole))
	cost.Add(cost, new(big.Int).Sub(by, big.NewInt(1))).Quo(cost, by)
	return sdkmath.MinInt(sdkmath.NewIntFromBigInt(cost), stake)
}
