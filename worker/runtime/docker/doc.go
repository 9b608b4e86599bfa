// Package docker runs container images through a Docker Engine on the same
// machine, each in a hardened container without a network.
//
// The Engine is used as it is: nothing of its configuration, and no container,
// image or volume without this node's label, is ever changed. The worker needs
// the Engine's local socket and nothing else; it need not be root.
//
// A run consists of three things that carry the node's label and the task's id:
// a volume in memory that is bounded in bytes and inodes (/out), a holder, and
// the job. The local volume driver unmounts a volume, and with it what lies in
// memory, when the last container that uses it ends; so the holder, a program
// of a few instructions that waits for ever, keeps /out until the outputs are
// taken out of it. The program itself is the first process of its container,
// exactly as its image says, and what is done with its outputs is done when it
// is dead.
//
// Pages of /out count against the job's memory control group, which is for that
// reason larger than the task's memory by the size of /out: a full /out is seen
// as such, not as a lack of memory.
//
// stdout and stderr arrive over two pipes: each is in the order written, between
// the two the order is near to it.
package docker
