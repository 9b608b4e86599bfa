package types

import (
	sdkmath "cosmossdk.io/math"

	"github.com/edgematrix/emc/pkg/power"
)

// EHourPrice is the price of one E for one hour in uemc, rounded up, from a
// node's slot-hour price: all slots together are its power. ok is false until
// power is proven.
func EHourPrice(n Node) (price sdkmath.Int, ok bool) {
	if n.Power == 0 {
		return sdkmath.Int{}, false
	}
	proven := sdkmath.NewIntFromUint64(n.Power)
	whole := n.Offer.SlotHourPrice.Amount.MulRaw(int64(n.Offer.Slots)).MulRaw(power.MicroE)
	return whole.Add(proven).SubRaw(1).Quo(proven), true
}

// EHourPriceWord is EHourPrice as a query answers it; "" until power is proven.
func EHourPriceWord(n Node) string {
	price, ok := EHourPrice(n)
	if !ok {
		return ""
	}
	return Uemc(price).String()
}
