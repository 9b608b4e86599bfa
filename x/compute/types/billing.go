package types

import sdkmath "cosmossdk.io/math"

const secondsPerHour = 3600

// Quote is what a full run of maxSeconds costs at a slot-hour price, in uemc,
// rounded up, so that the escrow always covers the bill.
func Quote(slotHourPrice sdkmath.Int, maxSeconds uint64) sdkmath.Int {
	product := slotHourPrice.Mul(sdkmath.NewIntFromUint64(maxSeconds))
	return product.AddRaw(secondsPerHour - 1).QuoRaw(secondsPerHour)
}

// FullPrice is what a full run of maxSeconds costs, the minimum fee included:
// the least maximum price that a customer must offer.
func FullPrice(p Params, slotHourPrice sdkmath.Int, maxSeconds uint64) sdkmath.Int {
	return sdkmath.MaxInt(Quote(slotHourPrice, maxSeconds), p.JobMinFee.Amount)
}

// Bill is what a started job costs, in uemc. The billed time is the least of
// what the node measured, what the chain saw between start and end, and the
// deadline, so that a node's claim can only lower the bill. Rounded down
// against the node, which could otherwise farm short jobs; the minimum fee
// comes on top of nothing and the maximum price bounds it all.
func Bill(p Params, j Job, measuredMilliseconds uint64, now int64) sdkmath.Int {
	chain := uint64(max(now-j.StartedAt, 0))
	measured := measuredMilliseconds/1000 + min(measuredMilliseconds%1000, 1)
	seconds := min(measured, chain, j.MaxSeconds)
	cost := j.SlotHourPrice.Amount.Mul(sdkmath.NewIntFromUint64(seconds)).QuoRaw(secondsPerHour)
	return sdkmath.MinInt(sdkmath.MaxInt(cost, p.JobMinFee.Amount), j.MaxPrice.Amount)
}
