// Package benchmark measures what a router adds to a call on this machine: a gateway with all that is behind it in a process
// of its own, and a node with a paced app and the programs that call in this one. There is no chain; ledgers are on the disk.
package benchmark
