// Package simulation plays everybody who uses x/compute: operators, nodes, app
// owners and customers, with random messages that the state allows, and some
// that it must refuse. The factories look at the state first, so that a good
// share of the jobs live their whole life, and so that a refusal of what the
// state allows is an error of the module and ends the simulation.
package simulation
