// Package simulation plays everybody who uses x/market: owners of sessions with
// their session keys, routers and their operators, nodes that redeem, and those
// who try what they may not. The factories look at the state first, so that a
// refusal of what the state allows is an error of the module and ends the
// simulation.
package simulation
