package session

// What each party has at stake, in uemc. These are the figures that docs/sessions.md publishes; the schedules in the tests
// check and measure them.

// RouterBound is what a router can lose while its ledger is intact and its allotments are as on the chain: it writes
// before it signs.
const RouterBound uint64 = 0

// NodeBound is what a node can lose by a lane: what it delivers before it is paid, and for each time that it is itself
// killed in the middle of calls, what it had delivered since it last wrote that down. Pieces that cost more than Unwritten
// each count as Unwritten.
func (c NodeConfig) NodeBound(kills int) uint64 { return c.Credit + uint64(kills)*c.Unwritten }

// CustomerBound is what a customer can lose by the calls that were open when something broke: the maximum price of each.
// Calls that end with an accepted receipt put nothing at stake.
func CustomerBound(maxPrices ...uint64) uint64 {
	sum := uint64(0)
	for _, p := range maxPrices {
		sum += p
	}
	return sum
}
