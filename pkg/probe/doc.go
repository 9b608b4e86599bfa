// Package probe is the small standard request by which a validator finds out whether
// a node or router is where it says: a challenge of 32 bytes, answered with a
// signature of the node's key.
//
// Wire format, protocol /emc/probe/1, over a connection whose handshake has shown the
// node's key already: the prober sends 32 random bytes and closes its side; the node
// answers with 64 bytes, its signature (R‖S, low S, as of transactions) over
//
//	"emc/probe/1" ‖ SHA-256(chain id) ‖ challenge ‖ the prober's public key (33)
//
// and closes. The prober's key is the one of the connection, drawn anew for each
// round, and not the one that reports: a node cannot tell who asks, and whoever
// passes a challenge on to the real node gets a signature for another prober.
//
// What it shows: the holder of the node's key answered at that address within the
// deadline. It does not show that the node would run a job.
package probe
