// Package types holds the formats, rules and pure functions of x/compute: what
// a node, an app and a job are, which node fits a job, and what a job costs.
// Nothing in it reads state, so that daemons and clients share it.
package types
