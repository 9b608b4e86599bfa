// Package call speaks /emc/call/1, by which a customer makes calls and pays for them, and /emc/cosign/1, by which it gets a
// router's signature, over any stream that carries bytes in order and whose far end is known to be the node or the router:
// a libp2p stream is one.
//
// A frame is u32 length ‖ u8 kind ‖ payload. The customer speaks first. Between calls it may send a resume, a settle or a
// call; during a call vouchers or a cancel. The node answers a resume by a state, a settle by taken, and a call by data,
// due (a voucher must reach so much before it goes on) and in the end a receipt; or by an error, after which the call is
// over. What is taken of the vouchers in between goes before its next frame. docs/sessions.md has the table of frames.
//
// Neither side can block the other for ever, however little the stream buffers: a node writes only when the customer
// asked for something and reads, and goes on reading meanwhile.
package call
