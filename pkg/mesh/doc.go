// Package mesh is how nodes tell routers what they serve and how busy they are: a
// gossip topic of libp2p for each chain, on which registered nodes alone are heard.
//
// Every message is signed by the node's key, which is its libp2p identity, so that
// a router that passes it on cannot change it; it carries a sequence that only
// rises, so that an old one cannot be replayed. No clock of the sender matters:
// what is heard is as old as the time since it was heard. A node that says more
// than a few messages a second is ignored for the rest of it; one that goes on is not
// listened to at all for a while, before its signatures cost anything.
package mesh
