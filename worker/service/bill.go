package service

import (
	"math"
	"math/bits"

	"github.com/edgematrix/emc/pkg/session/call"
)

// bill charges an answer's pieces.
type bill struct {
	meter                Meter
	unitPrice, callPrice uint64
	left                 uint64 // of the maximum price, uemc
	free                 bool
	units                uint64 // so far
	sent                 uint64 // bytes of the body
	send                 func(call.Piece) error
	refused              error // send's: it is not the app's fault
}

func newBill(c Config, maxPrice uint64, send func(call.Piece) error) *bill {
	return &bill{meter: c.Unit, unitPrice: c.UnitPrice, callPrice: c.CallPrice, left: maxPrice, send: send}
}

// product is units·price + more, or the greatest number there is: it is refused as a price then.
func product(units, price, more uint64) uint64 {
	high, low := bits.Mul64(units, price)
	sum, carry := bits.Add64(low, more, 0)
	if high > 0 || carry > 0 {
		return math.MaxUint64
	}
	return sum
}

// head sends what stands before the body, for the price of the call.
func (b *bill) head(data []byte) error {
	units := uint64(0)
	if b.meter == MeterCalls {
		units = 1
	}
	return b.charge(data, units, b.callPrice)
}

// pass sends a part of the body that brings so many units.
func (b *bill) pass(data []byte, units uint64) error {
	b.sent += uint64(len(data))
	return b.charge(data, units, 0)
}

// bytes sends a part of a body that is not looked into.
func (b *bill) bytes(data []byte) error {
	if b.meter != MeterKiB {
		return b.pass(data, 0)
	}
	units := (b.sent+uint64(len(data))+1023)/1024 - b.units
	if len(data) <= 1024 || b.affords(units) {
		return b.pass(data, units)
	}
	// The last that can be paid still comes.
	if err := b.bytes(data[:1024]); err != nil {
		return err
	}
	return b.bytes(data[1024:])
}

// affords says whether so many units can still be charged.
func (b *bill) affords(units uint64) bool { return b.free || product(units, b.unitPrice, 0) <= b.left }

// affordable is as much of units as can still be charged.
func (b *bill) affordable(units uint64) uint64 {
	if b.affords(units) {
		return units
	}
	return b.left / b.unitPrice
}

// charge sends data in as many pieces as it takes; the first one costs all. What is above the maximum price is refused by
// send, with session.ErrPrice.
func (b *bill) charge(data []byte, units, more uint64) error {
	amount := product(units, b.unitPrice, more)
	if b.free {
		units, amount = 0, 0
	}
	for first := true; first || len(data) > 0; first = false {
		n := min(len(data), call.MaxPiece)
		if err := b.send(call.Piece{Data: data[:n], Units: units, Amount: amount}); err != nil {
			b.refused = err
			return err
		}
		b.left -= min(b.left, amount)
		b.units += units
		data, units, amount = data[n:], 0, 0
	}
	return nil
}
