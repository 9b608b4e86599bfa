package wallets

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cosmos/cosmos-sdk/contrib/x/nft"
	"github.com/cosmos/cosmos-sdk/crypto/keys/secp256k1"

	computetypes "github.com/edgematrix/emc/x/compute/types"
	"github.com/edgematrix/emc/x/socket/types"
)

// testSockets plays all that people do with sockets of a node that has proven
// something.
func (s *site) testSockets(t *testing.T, mode string, n node) {
	alice, bob := s.borrow(t), s.borrow(t)
	operator, app := n.operator.address.String(), "socket-app-"+mode
	s.must(t, alice, mode, &computetypes.MsgRegisterApp{
		Owner: alice.address.String(), Id: app, Runtime: computetypes.RuntimeWasm, Digest: strings.Repeat("ab", 32),
		Interface: computetypes.INTERFACE_BATCH, Comparison: computetypes.COMPARISON_EXACT,
	})
	s.must(t, n.key, mode, &computetypes.MsgReportStatus{Node: n.address(), Endpoints: []string{"/ip4/203.0.113.7/tcp/4600"}, Accepting: true})
	mint := &types.MsgMint{Operator: operator, Node: n.address(), App: app, Slots: 2, SlotPower: 1, Seconds: 7200, Royalty: 250, Ask: uemc(2_000_000)}
	s.must(t, n.operator, mode, mint)
	id := s.nodesSocket(t, n)
	s.must(t, n.operator, mode, &types.MsgList{Holder: operator, Socket: id, Ask: uemc(3_000_000)})
	s.must(t, alice, mode, &types.MsgBuy{Buyer: alice.address.String(), Socket: id, MaxPrice: uemc(3_000_000)})

	// It moves as any NFT does.
	class := types.ClassID(operator)
	// x/nft's messages have no name in amino JSON: they are signed directly.
	s.must(t, alice, direct, &nft.MsgSend{ClassId: class, Id: id, Sender: alice.address.String(), Receiver: bob.address.String()})
	require.Equal(t, bob.address.String(), s.nftOwner(t, class, id))
	s.must(t, bob, mode, &types.MsgList{Holder: bob.address.String(), Socket: id, Ask: uemc(5_000_000)})
	s.must(t, bob, mode, &types.MsgDelist{Holder: bob.address.String(), Socket: id})
	s.must(t, bob, mode, &types.MsgSplit{Holder: bob.address.String(), Socket: id, Slots: 1})
	key := secp256k1.GenPrivKeyFromSecret([]byte("socket " + mode))
	s.must(t, bob, mode, &types.MsgPlug{Holder: bob.address.String(), Socket: id, Key: key.PubKey().Bytes()})
	s.must(t, bob, mode, &types.MsgUnplug{Holder: bob.address.String(), Socket: id})
	s.must(t, bob, mode, &types.MsgBurn{Holder: bob.address.String(), Socket: types.SocketID(n.operator.address, 1)}) // what was split off
}

// nodesSocket is the one socket of a node.
func (s *site) nodesSocket(t *testing.T, n node) string {
	t.Helper()
	var list struct {
		Sockets []struct {
			Socket struct {
				ID string `json:"id"`
			} `json:"socket"`
		} `json:"sockets"`
	}
	_, err := s.net.Get(t.Context(), "/emc/socket/v1/nodes/"+n.address()+"/sockets", 0, &list)
	require.NoError(t, err)
	require.Len(t, list.Sockets, 1)
	return list.Sockets[0].Socket.ID
}

// nftOwner asks x/nft as any wallet does, and looks at what it would show.
func (s *site) nftOwner(t *testing.T, class, id string) string {
	t.Helper()
	var owner struct {
		Owner string `json:"owner"`
	}
	_, err := s.net.Get(t.Context(), "/cosmos/nft/v1beta1/owner/"+class+"/"+id, 0, &owner)
	require.NoError(t, err)
	var token struct {
		NFT struct {
			URI  string          `json:"uri"`
			Data json.RawMessage `json:"data"`
		} `json:"nft"`
	}
	_, err = s.net.Get(t.Context(), "/cosmos/nft/v1beta1/nfts/"+class+"/"+id, 0, &token)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(token.NFT.URI, "data:image/svg+xml;base64,"))
	require.Contains(t, string(token.NFT.Data), `"trait_type"`)
	return owner.Owner
}
