package call_test

import (
	"context"
	"testing"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/session/call"
	"github.com/edgematrix/emc/pkg/transfer"
)

func TestCallsOverLibp2p(t *testing.T) {
	s := newScene(t, echo{})
	node, err := transfer.HostKey(nodeKey.Key)
	require.NoError(t, err)
	server, err := transfer.NewHost(s.ctx, node, []string{"/ip4/127.0.0.1/tcp/0"})
	require.NoError(t, err)
	defer server.Close()
	server.SetStreamHandler(call.Protocol, func(st network.Stream) { _ = s.server.Serve(s.ctx, st) })
	own, err := transfer.HostKey(sessionKey.Key)
	require.NoError(t, err)
	client, err := transfer.NewHost(s.ctx, own, nil)
	require.NoError(t, err)
	defer client.Close()
	require.NoError(t, client.Connect(s.ctx, peer.AddrInfo{ID: server.ID(), Addrs: server.Addrs()}))
	stream, err := client.NewStream(context.Background(), server.ID(), call.Protocol)
	require.NoError(t, err)
	c := s.client(stream)
	got, _ := s.say(c, "over a real network, with vouchers in the middle", 1000)
	require.Equal(t, "over a real network, with vouchers in the middle", got)
	require.NoError(t, c.Settle(s.ctx))
	require.NoError(t, c.Close())
}
