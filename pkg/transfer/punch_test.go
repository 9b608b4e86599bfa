package transfer

import (
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	"github.com/stretchr/testify/require"
)

func addr(t *testing.T, s string) ma.Multiaddr {
	t.Helper()
	a, err := ma.NewMultiaddr(s)
	require.NoError(t, err)
	return a
}

// Nobody is sent to machines of our own network, nor through a relay again, nor by TCP.
func TestKnockable(t *testing.T) {
	for a, may := range map[string]bool{
		"/ip4/8.8.8.8/udp/4600/quic-v1": true, "/ip6/2001:4860:4860::8888/udp/4600/quic-v1": true,
		"/ip4/8.8.8.8/tcp/4600": false, "/ip4/8.8.8.8/udp/4600": false, "/ip4/192.168.1.7/udp/4600/quic-v1": false,
		"/ip4/127.0.0.1/udp/4600/quic-v1": false, "/ip4/169.254.169.254/udp/80/quic-v1": false, "/dns4/home.example/udp/4600/quic-v1": false,
		"/ip4/8.8.8.8/udp/4600/quic-v1/p2p/16Uiu2HAmEKbzV3ZdLuQFRDeyxmaKcCu9LCkBR2dxcRvVvkUNHgSQ/p2p-circuit": false,
	} {
		require.Equal(t, may, knockable(addr(t, a)), a)
	}
	require.False(t, knockable(nil))
	var many []ma.Multiaddr
	for range 10 {
		many = append(many, addr(t, "/ip4/192.168.1.7/udp/1/quic-v1"), addr(t, "/ip4/8.8.8.8/udp/4600/quic-v1"))
	}
	require.Len(t, (&seen{}).FilterRemote("", many), mostSeen)
}

// Two routers who see the same port of a NAT tell where a third may knock; two who see different ones, that nobody may.
func TestSeen(t *testing.T) {
	s := &seen{by: map[peer.ID]ma.Multiaddr{}}
	require.Empty(t, s.addresses())
	s.by["a"] = addr(t, "/ip4/8.8.8.8/udp/1/quic-v1")
	s.by["b"] = addr(t, "/ip4/8.8.8.8/udp/1/quic-v1")
	require.Equal(t, []ma.Multiaddr{s.by["a"]}, s.addresses())
	s.by["c"] = addr(t, "/ip4/9.9.9.9/udp/2/quic-v1") // another line
	require.Len(t, s.addresses(), 2)
	s.by["d"] = addr(t, "/ip4/8.8.8.8/udp/3/quic-v1")
	require.Empty(t, s.addresses(), "a symmetric NAT")
}
