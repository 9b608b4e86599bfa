// Package rig drives the built binaries from outside: it starts networks and
// workers as processes, types commands as a person would, asks the chain over
// REST, and checks the money. The black-box tests, the demo and the live
// benchmarks share it. It imports nothing of the project, so that it cannot be
// wrong in the same way.
package rig
