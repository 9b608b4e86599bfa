// Package simulation plays everybody who uses x/poc: nodes that prove, that cheat
// and that stay silent, operators who claim, and validators with beacon keys and probers. The
// factories look at the state first, so that a refusal of what the state allows
// is an error of the module and ends the simulation. What a node proves is real
// work, of the smallest size.
package simulation
