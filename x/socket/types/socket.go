package types

import (
	"fmt"
	"time"

	"cosmossdk.io/math"
)

// Sold says whether somebody has bought it: before, it holds no money.
func (s Socket) Sold() bool { return s.SoldAt > 0 }

// Listed says whether it is for sale.
func (s Socket) Listed() bool { return s.Ask.IsPositive() }

// InSession says whether its money is with a session.
func (s Socket) InSession() bool {
	return s.Status == SOCKET_STATUS_PLUGGED || s.Status == SOCKET_STATUS_UNPLUGGING
}

// Validity is for how many seconds it was sold.
func (s Socket) Validity() math.Int { return math.NewInt(max(s.ExpiresAt-s.SoldAt, 1)) }

// ESeconds is what was sold, in micro-E seconds.
func (s Socket) ESeconds() math.Int { return math.NewIntFromUint64(s.Power).Mul(s.Validity()) }

// Unused is what is left of the price, in uemc.
func (s Socket) Unused() math.Int { return s.Price.Sub(s.Used) }

// Owed is what its escrow holds for holder and minter, in uemc.
func (s Socket) Owed() math.Int {
	if s.InSession() || s.Status == SOCKET_STATUS_SETTLED {
		return math.ZeroInt()
	}
	return s.Unused()
}

// Left is what can still be used at a time, in micro-E seconds: what the money
// buys at the price of the first sale, at most the power for the time that is left.
func (s Socket) Left(now int64) math.Int {
	time := math.NewIntFromUint64(s.Power).MulRaw(max(s.ExpiresAt-now, 0))
	if !s.Sold() || !s.Price.IsPositive() {
		return time
	}
	return math.MinInt(time, s.ESeconds().Mul(s.Unused()).Quo(s.Price))
}

// SlotHourPrice is what a job out of the socket costs for an hour on one slot, in
// uemc: the price of the first sale, spread over slots and time. Rounded up, so
// that no job is free.
func (s Socket) SlotHourPrice() math.Int {
	slotSeconds := s.Validity().MulRaw(int64(s.Slots))
	return s.Price.MulRaw(hour).Add(slotSeconds).SubRaw(1).Quo(slotSeconds)
}

// Refund is what the holder gets back at the end, in uemc: for the part of the
// validity in which the chain itself saw that the node could not deliver, and for
// jobs that it did not start in time; never more than what is unused.
func (s Socket) Refund(outage uint64) math.Int {
	if !s.Sold() {
		return math.ZeroInt()
	}
	seconds := math.MinInt(math.NewIntFromUint64(outage), s.Validity())
	due := s.Price.Mul(seconds).Quo(s.Validity()).Add(s.Failed)
	return math.MinInt(s.Unused(), due)
}

// PerEHour is the price of an E-hour at which a socket is offered, in uemc,
// rounded up; what has nothing left is the dearest of all.
func (s Socket) PerEHour(ask math.Int, now int64) uint64 {
	left := s.Left(now)
	if !left.IsPositive() {
		return MaxAmount
	}
	eHour := int64(hour) * MicroE
	per := ask.MulRaw(eHour).Add(left).SubRaw(1).Quo(left)
	return math.MinInt(per, math.NewInt(MaxAmount)).Uint64()
}

// Split takes slots out of a socket with their part of everything, rounded down
// for the new one, so that the two together are what the one was. Rounding keeps the
// order: neither has used more than its price.
func (s Socket) Split(slots uint32) (rest, part Socket) {
	rest, part = s, s
	share := func(whole math.Int) (math.Int, math.Int) {
		of := whole.MulRaw(int64(slots)).QuoRaw(int64(s.Slots))
		return whole.Sub(of), of
	}
	part.Slots, part.Power = slots, s.Power/uint64(s.Slots)*uint64(slots)
	rest.Slots, rest.Power = s.Slots-slots, s.Power-part.Power
	rest.Price, part.Price = share(s.Price)
	rest.Used, part.Used = share(s.Used)
	rest.Failed, part.Failed = share(s.Failed)
	rest.Collateral, part.Collateral = share(s.Collateral)
	return rest, part
}

// Words say how a socket stands at a time.
func (s Socket) Words(now int64) string {
	left := (time.Duration(max(s.ExpiresAt-now, 0)) * time.Second).String()
	var is string
	switch s.Status {
	case SOCKET_STATUS_MINTED:
		is = "not sold yet"
	case SOCKET_STATUS_IDLE:
		is = "not plugged in"
	case SOCKET_STATUS_PLUGGED:
		return fmt.Sprintf("plugged into session %s, %s left", s.Session, left)
	case SOCKET_STATUS_UNPLUGGING:
		return fmt.Sprintf("session %s is closing; then it is free again, or settled if it has expired", s.Session)
	case SOCKET_STATUS_SETTLED:
		return fmt.Sprintf("settled (%s): %s went back to the holder, %s to the minter", s.Reason, Uemc(s.Refunded), Uemc(s.Paid))
	default:
		return "unknown"
	}
	if s.Listed() {
		is = "for sale at " + Uemc(s.Ask).String()
		if !s.Sold() {
			is += ", the first sale"
		}
	}
	return is + ", " + left + " left"
}
