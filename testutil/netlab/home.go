package netlab

import (
	"errors"
	"fmt"
	"net/netip"
)

// Mapping is which public port a NAT gives to a flow. It decides whether two homes
// can reach each other by hole punching.
type Mapping int

const (
	// EndpointIndependent keeps a port of the host for all that it speaks to, and keeps
	// its number where that is free, as most home routers do ("port-restricted cone"). What
	// one peer sees is true for all, so two such homes can punch.
	EndpointIndependent Mapping = iota
	// EndpointDependent takes another random port for every peer ("symmetric"), as
	// carriers and companies often do. What one peer sees is of no use to another.
	EndpointDependent
)

// NAT is how a home's router translates. From outside only what answers a flow from
// inside comes in, in either mapping; all else is dropped without a word.
type NAT struct {
	Mapping Mapping
	// Forward are ports, TCP and UDP, that the owner has opened: they lead to the host.
	Forward []uint16
}

// Home adds a host behind a router of its own.
func (l *Lab) Home(name string, n NAT) (*Host, error) {
	h, err := l.add(name, name+"-router")
	if err != nil {
		return nil, err
	}
	router := h.space
	number := h.link.number
	inside := netip.AddrFrom4([4]byte{192, 168, byte(number), 2})
	gateway := netip.AddrFrom4([4]byte{192, 168, byte(number), 1})
	host, err := newSpace(l.ctx, l.prefix+name)
	if err == nil {
		l.mu.Lock()
		h.Address, h.space, h.spaces = inside, host, append(h.spaces, host)
		l.mu.Unlock()
		err = errors.Join(
			router.forwards(),
			router.nft(l.ctx, n.rules(h.public, inside)),
			router.ip(l.ctx,
				veth("lan", host),
				fmt.Sprintf("addr add %s/24 dev lan", gateway),
				"link set lan up arp off",
			),
			host.ip(l.ctx,
				fmt.Sprintf("addr add %s/24 dev %s", inside, hostVeth),
				fmt.Sprintf("link set %s up arp off", hostVeth),
				fmt.Sprintf("route add default via %s", gateway),
			),
		)
	}
	if err != nil {
		return nil, fmt.Errorf("home %s: %w", name, err)
	}
	return h, nil
}

// rules are the router's.
//
// It is snat and not masquerade, which is the same but for one thing: masquerade
// forgets every flow when the way out is another device, as it is when a line's delay
// begins.
//
// Input is dropped before anything is remembered of it. Were a stranger's packet
// accepted, or refused with an answer, the flow would hold the port that the host's
// own packet to him needs, and a hole could be punched by whoever comes second only.
func (n NAT) rules(public, inside netip.Addr) string {
	random := ""
	if n.Mapping == EndpointDependent {
		random = "fully-random"
	}
	forward := ""
	for _, port := range n.Forward {
		forward += fmt.Sprintf("iifname != \"lan\" meta l4proto { tcp, udp } th dport %d dnat to %s\n", port, inside)
	}
	return fmt.Sprintf(`table ip home {
	chain out {
		type nat hook postrouting priority srcnat;
		oifname != "lan" ip saddr 192.168.0.0/16 snat to %s %s
	}
	chain in {
		type nat hook prerouting priority dstnat;
		%s
	}
	chain forward {
		type filter hook forward priority filter; policy drop;
		ct state established,related accept
		ct status dnat accept
		iifname "lan" oifname != "lan" accept
	}
	chain input {
		type filter hook input priority filter; policy drop;
		ct state established,related accept
		iifname { "lo", "lan" } accept
		icmp type echo-request accept
	}
}
`, public, random, forward)
}
