// Package prober is a validator's sidecar: in each epoch of x/poc it asks for what was
// drawn, probes every node and router of it at a random moment, and reports all
// results in one transaction, signed by a hot key that can do nothing else.
//
// A node is asked twice before it counts as failed. A prober that reaches nobody at
// all does not report: its own network is more likely to be down than everybody's.
package prober
