// Package session is the reference client of sessions: what a customer, a node and a router keep, sign, verify and refuse
// so that calls are paid for without a block for each, and nobody can lose more than a published bound (bound.go).
//
// Customer signs requests and vouchers and keeps the receipts' tree of each lane. Node admits calls, holds what it
// delivers within its credit, and signs receipts. Sequencer co-signs vouchers within a router's allotment. Redeemer takes
// the best vouchers to the chain in batches. Each writes into its ledger (package ledger) before it says anything that
// binds it, so that it can be killed at any moment; after that, Lane.Resume and Node.Resume agree on where a lane stands.
//
// Package call speaks the protocol over streams. Nothing here imports the chain: Chain is what is asked of it.
// docs/sessions.md tells users what is at stake.
package session
