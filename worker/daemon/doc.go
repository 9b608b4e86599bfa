// Package daemon wires the worker together: the chain's watcher, the outbox,
// the reconcile loop, the server for customers, status reports, the control
// socket and metrics. It decides nothing about jobs.
package daemon
