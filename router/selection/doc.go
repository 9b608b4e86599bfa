// Package selection decides which node answers a call.
//
// A Table knows the nodes by their announcements, and what this router measured itself: how long calls took, how many are
// out, who failed. Pick finds the nodes that fit a call's Wants, and its Policy chooses among them; Pick.Done tells the
// table how the call ended. P2C is the policy to use: of two random nodes that fit, the one that should be done first, by
// a latency that jumps up at once and comes down slowly (peak-EWMA). Random and RoundRobin are there to be compared with.
//
// What does not change from call to call is sorted out when a node announces itself: nodes are kept by app and country,
// those that can serve in front. A choice tries a few random ones and looks at all of them only when these did not fit, so
// that it takes microseconds among 100,000 nodes; a call that no node fits is refused after one look at each.
//
// Of the numbers that choose, a node can bend what it announces: a queue that is too short, more capacity than it has, or
// a price that it does not keep. It cannot bend what is measured here, and that soon outweighs the rest. Nothing here
// touches the network or the chain, keeps time or starts a goroutine: clock and randomness are given, and the owner calls
// Expire.
//
// Package simulate plays the policies against each other.
package selection
