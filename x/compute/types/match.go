package types

import (
	"fmt"
	"strings"

	sdkmath "cosmossdk.io/math"

	"github.com/edgematrix/emc/pkg/power"
)

// Demand is a job as the scheduler sees it.
type Demand struct {
	App          App
	Requirements Requirements
	MaxSeconds   uint64
	// MaxPrice in uemc; nil asks for any price.
	MaxPrice *sdkmath.Int
	// Source is the promise of the node out of which the job is to be served; nil is what is free.
	Source *Reservation
	// SlotHourPrice is agreed instead of the offer's; nil is the offer's.
	SlotHourPrice *sdkmath.Int
}

// PriceOn is the slot-hour price of the demand on a node.
func (d Demand) PriceOn(n Node) sdkmath.Int {
	if d.SlotHourPrice != nil {
		return *d.SlotHourPrice
	}
	return n.Offer.SlotHourPrice.Amount
}

// promised is the app that the demand's promise is for, empty for any.
func (d Demand) promised() string {
	if d.Source == nil {
		return ""
	}
	return d.Source.App
}

// ByPower says that the price of power chooses among the nodes that fit, and
// not the price of a slot.
func (d Demand) ByPower() bool { return d.Requirements.MinSlotPower > 0 }

// Unavailable says in words why a node takes no work at all at this time, or
// "". It is the one definition of "eligible": the price index holds exactly
// the nodes for which it returns "".
func (n Node) Unavailable(p Params, now int64) string {
	if n.Retiring {
		return "is retiring"
	}
	if why := n.Out(p, now); why != "" {
		return why
	}
	switch {
	case !n.Accepting:
		return "is draining: it accepts no new work"
	case now < n.SuspendedUntil:
		return fmt.Sprintf("is suspended for another %d s after %d missed starts in a row", n.SuspendedUntil-now, n.MissedInRow)
	case !n.Stake.IsPositive() && !n.Deposit.IsPositive():
		return "has neither stake nor a registration deposit"
	case n.FreeSlots() == 0:
		return fmt.Sprintf("has no free slot: %d of %d are taken", n.ReservedSlots, n.Offer.Slots)
	}
	return ""
}

// Out says in words why a node cannot even do what it promised, or "". Only what
// counts as an outage is a reason: a node that drains, retires or is suspended
// must not keep those from their slots who have paid for them.
func (n Node) Out(p Params, now int64) string {
	switch {
	case n.Role != ROLE_COMPUTING:
		return "is not a computing node"
	case n.Jailed:
		return "is jailed"
	case n.ReportedAt == 0:
		return "has not reported yet"
	case now >= n.OnlineUntil(p):
		return fmt.Sprintf("is offline: last report %d s ago, at most %d s allowed", now-n.ReportedAt, p.OnlineSeconds)
	case n.UnreachableSince != 0:
		return fmt.Sprintf("is offline: it does not answer the validators' probes since %d s; see that its endpoints can be reached from outside, and wait for the next epoch of probes", now-n.UnreachableSince)
	}
	return ""
}

// powerFailure says in words what the node lacks of the power that a job asks
// for, or "". A job out of a promise gets its share of that promise's power.
func (n Node) powerFailure(d Demand) string {
	want := d.Requirements.MinSlotPower
	if d.Source != nil {
		if share := d.Source.Share(); share < want {
			return fmt.Sprintf("needs a slot with %s of proven power, a slot of %s has %s", power.Format(want), d.Source.Promise, power.Format(share))
		}
		return ""
	}
	if slot := n.SlotPower(); slot < want {
		return fmt.Sprintf("needs a slot with %s of proven power, a slot has %s", power.Format(want), power.Format(slot))
	}
	if free := n.FreePower(); free < want {
		return fmt.Sprintf("needs %s of proven power, %s of %s are not promised yet", power.Format(want), power.Format(free), power.Format(n.Power))
	}
	return ""
}

// NextWake is when Unavailable may change by time alone, or an outage begin, in
// Unix seconds; 0 is never. It goes by reports, not by whether the node takes
// work: one that is full, draining or jailed goes offline as others do.
func (n Node) NextWake(p Params, c Clock, now int64) int64 {
	if n.offline(p, c, now) {
		return 0 // only a report can change anything
	}
	online := n.offlineFrom(p, c)
	if now < n.SuspendedUntil && n.SuspendedUntil < online {
		return n.SuspendedUntil
	}
	return online
}

// Failures names in words each requirement of a job that a node does not meet.
// A slot gets an equal share of the node's memory and cores.
func (n Node) Failures(d Demand) []string {
	var out []string
	fail := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	offer, req := n.Offer, d.Requirements
	slots := uint64(max(offer.Slots, 1))

	switch promised := d.promised(); {
	case promised == d.App.Id:
		// Whatever has become of the offer since: the slot is sold, with what the app needs.
		d.App = App{Id: d.App.Id, Runtime: d.App.Runtime}
	case promised != "":
		fail("has promised %s for app %s", d.Source.Promise, promised)
	case !offer.Serves(d.App):
		fail("does not serve app %s, nor every %s app", d.App.Id, d.App.Runtime)
	}
	if want, have := max(req.MemoryBytes, d.App.MinMemoryBytes), offer.Hardware.MemoryBytes/slots; have < want {
		fail("needs %d bytes of memory, a slot has %d", want, have)
	}
	if want, have := max(req.CpuCores, d.App.MinCpuCores), offer.Hardware.CpuCores/uint32(slots); want > 1 && have < want {
		fail("needs %d CPU cores, a slot has %d", want, have)
	}
	if want := max(req.Gpus, d.App.MinGpus); want > 0 {
		memory := max(req.GpuMemoryBytes, d.App.MinGpuMemoryBytes)
		have := uint32(0)
		for _, g := range offer.Hardware.Gpus {
			if g.MemoryBytes >= memory && strings.Contains(g.Model, req.GpuModel) {
				have++
			}
		}
		if have < want {
			fail("needs %d GPUs with model %q and %d bytes of memory, the node has %d", want, req.GpuModel, memory, have)
		}
	}
	if req.Region != "" && offer.Region != req.Region && !strings.HasPrefix(offer.Region, req.Region+"-") {
		fail("needs region %s, the node is in %q", req.Region, offer.Region)
	}
	if offer.Isolation < req.MinIsolation {
		fail("needs isolation tier %d, the node has %d", req.MinIsolation, offer.Isolation)
	}
	if req.Egress && d.App.Runtime != RuntimeDocker {
		fail("cannot give a way to the internet to a %s app", d.App.Runtime)
	} else if req.Egress && !offer.Egress {
		fail("needs a way to the internet, the node gives none to jobs")
	}
	if d.Source != nil && d.Source.Slots == 0 {
		fail("has no slot left in %s: %d jobs have them", d.Source.Promise, d.Source.Jobs)
	} else if why := n.powerFailure(d); why != "" {
		out = append(out, why)
	}
	if !req.MinStake.IsNil() && n.Stake.LT(req.MinStake) {
		fail("needs %s%s of stake, the node has %s%s", req.MinStake, Denom, n.Stake, Denom)
	}
	if d.MaxPrice != nil {
		if quote := Quote(d.PriceOn(n), d.MaxSeconds); quote.GT(*d.MaxPrice) {
			fail("costs %s%s for %d s, the maximum price is %s%s", quote, Denom, d.MaxSeconds, d.MaxPrice, Denom)
		}
	}
	return out
}
