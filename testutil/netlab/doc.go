// Package netlab is an internet on one machine, for tests and benchmarks: hosts with
// public addresses, homes behind a NAT of a chosen kind, lines that are slow, lossy,
// narrow or cut, and partitions. Every host is a network namespace, and so is the
// internet itself, which routes between them:
//
//	 alice               internet               bob's router          bob
//	┌──────┐ line ┌────────────────────┐ line ┌──────────────┐     ┌──────┐
//	│ 11.  ├──────┤ routes; drops what ├──────┤ 11.0.2.2 NAT ├─────┤ 192. │
//	│0.1.2 │      │ is lost or cut off │      │ 192.168.1.1  │     │168.. │
//	└──────┘      └────────────────────┘      └──────────────┘     └──────┘
//
// Nothing of it reaches this machine's own network, so that labs of several tests
// have the same addresses and do not meet. The addresses look public, because
// programs treat private ones in other ways (libp2p does not tell them to others).
//
// A line is a veth pair, as fast as the kernel, until Delay is asked of it: then it
// is a pair of TUN devices, between which this process holds every packet (box.go),
// because few kernels have sch_netem. Rate is sch_tbf at both ends, Loss is numgen of
// nftables in the internet, Detour delays what goes between two hosts, Down takes the internet's end down. A line has no loss
// and no delay between a home's router and its host: that is the same building.
//
// It needs root, the programs ip and tc (iproute2) and nft (nftables), /dev/net/tun, and
// a kernel with what they ask of it. Without, New returns an error that is
// ErrUnavailable and says what to install; Start skips the test with that word, or
// fails it under EMC_REQUIRE_NETLAB=1.
package netlab
