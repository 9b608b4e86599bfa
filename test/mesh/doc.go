// Package mesh is the black-box test of what lies between machines: the chain, two routers and a customer on public hosts of
// a laboratory (testutil/netlab), workers and customers at home behind NAT. All of it shares one site, which takes longer to
// come up than most of what is asked of it. Without root, nftables and iproute2 it is left out in words;
// EMC_REQUIRE_NETLAB=1 makes that a failure.
package mesh
