package daemon

import (
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/worker/calls"
)

// A node that one router covers stays known to others, and dials none twice.
func TestStrangersBesideKnownRouters(t *testing.T) {
	at := func(id string) calls.Router { return calls.Router{Address: id, Peer: peer.AddrInfo{ID: peer.ID(id)}} }
	require.Equal(t, []calls.Router{at("covers"), at("other")}, withStrangers([]calls.Router{at("covers")}, []calls.Router{at("other"), at("covers")}))
	require.Equal(t, []calls.Router{at("other")}, withStrangers(nil, []calls.Router{at("other")}))
	require.Equal(t, []calls.Router{at("covers")}, withStrangers([]calls.Router{at("covers")}, nil))
}
