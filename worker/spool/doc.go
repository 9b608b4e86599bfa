// Package spool is the worker's durable outbox towards the chain: every message that the chain must see waits here, in
// one bbolt file, until a block holds it, and survives kill -9 at any moment.
//
// A message is an Entry under a unique key such as "start/<job>", so that handing it in twice queues it once. At most one
// transaction is in flight: it is written down, signed, before it is broadcast, so that after a restart the same bytes
// (with the same hash and account sequence) are sent again rather than a second transaction. When a block holds it, Done
// takes its messages out; when it can never be included any more (its timeout height has passed), Release lets them wait
// for the next transaction.
//
// Buckets:
//
//	queue    sequence (8 bytes, big endian) → Entry
//	keys     key → its sequence in queue
//	inflight "tx" → InFlight
//	history  sequence → Record, the last HistoryLimit of them
//	done     key → its sequence in history
package spool
