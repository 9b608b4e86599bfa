package probe

import (
	"github.com/libp2p/go-libp2p/core/network"
	ma "github.com/multiformats/go-multiaddr"
)

// fakeConn is a connection from an address.
type fakeConn struct {
	network.Conn
	address string
}

func (c fakeConn) RemoteMultiaddr() ma.Multiaddr {
	if c.address == "" {
		return ma.StringCast("/p2p-circuit")
	}
	return ma.StringCast(c.address)
}
