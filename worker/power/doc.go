// Package power proves the node's computing power: it follows the chain's
// windows, freezes what the worker runs, multiplies until the window closes,
// commits to the work, opens what is drawn of it, and lets the jobs go on.
//
// The loop may be killed at any moment. What a reveal needs is on the disk before
// a commitment is queued, each message has a key of its own in the outbox, and
// programs that are left frozen are thawed at the next start. Silence costs no
// stake; a wrong opening does, so nothing is sent that was not verified here.
package power
