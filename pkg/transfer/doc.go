// Package transfer moves the contents of a job between a customer and a worker over libp2p: the specification and the
// inputs one way; status, log, result and outputs the other way. None of it touches the chain, which holds salted
// digests only.
//
// Identities: the worker's libp2p identity is its chain key. The customer's is an access key made for one job, whose
// public key stands in the job on the chain, so the libp2p handshake itself proves that the job is his, and the wallet
// key never signs anything off the chain. Both are secp256k1.
//
// What a worker keeps of a job after its end it keeps as age files to a recipient that the customer names in the offer. The
// identity follows from the access key, so a Client names and uses it by itself: outputs and logs come out in plaintext.
//
// Wire format, protocol /emc/job/1: one stream for each request. The customer sends a frame (4 bytes of length, big
// endian, then JSON) and, for offer and put, raw bytes; the worker answers with a frame and, for result and get, raw
// bytes; a log is a sequence of 4-byte lengths with bytes, a zero length, and a last frame. Every length is bounded
// before anything is allocated, and every chunk has a deadline.
package transfer
