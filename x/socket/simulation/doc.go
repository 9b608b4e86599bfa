// Package simulation plays everybody who uses x/socket: operators that mint,
// holders that sell, give away, plug in, split and burn, buyers, and those who try
// what they may not. What a plugged socket's session pays, x/market's simulation
// plays. The factories look at the state first, so that a refusal of what the
// state allows is an error of the module and ends the simulation.
package simulation
