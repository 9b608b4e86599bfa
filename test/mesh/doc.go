// Package mesh is the black-box test of what lies between machines: the chain, a router
// and a customer on public hosts of a laboratory (testutil/netlab), workers at home
// behind NAT. Without root, nftables and iproute2 it is left out in words;
// EMC_REQUIRE_NETLAB=1 makes that a failure.
package mesh
