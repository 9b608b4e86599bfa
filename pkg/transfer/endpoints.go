package transfer

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
)

// Place is where the chain says that a node is. Endpoints that cannot be read are left out: another one may do.
func Place(pubkey []byte, endpoints []string) (peer.AddrInfo, error) {
	key, err := PubKeyFromBytes(pubkey)
	if err != nil {
		return peer.AddrInfo{}, err
	}
	id, err := PeerID(key)
	if err != nil {
		return peer.AddrInfo{}, err
	}
	out := peer.AddrInfo{ID: id}
	for _, e := range endpoints {
		if a, err := ma.NewMultiaddr(e); err == nil {
			out.Addrs = append(out.Addrs, a)
		}
	}
	return out, nil
}

// Published are the host's addresses for others, sorted, at most so many. Loopback is
// left out when there is anything else: elsewhere it would lead them to themselves.
func Published(h host.Host, most int) []string { return publish(Endpoints(h), most) }

func publish(all []string, most int) []string {
	var far, near []string
	for _, e := range all {
		if isLoopback(e) {
			near = append(near, e)
		} else {
			far = append(far, e)
		}
	}
	out := far
	if len(out) == 0 {
		out = near
	}
	slices.Sort(out)
	return slices.Compact(out[:min(len(out), most)])
}

func isLoopback(endpoint string) bool {
	parts := strings.Split(endpoint, "/")
	if len(parts) < 3 {
		return false
	}
	ip, err := netip.ParseAddr(parts[2])
	return err == nil && ip.IsLoopback()
}

// Loopback tells whether endpoints are of this machine alone, as on a local network of one.
func Loopback(endpoints []string) bool {
	return len(endpoints) > 0 && !slices.ContainsFunc(endpoints, func(e string) bool { return !isLoopback(e) })
}
