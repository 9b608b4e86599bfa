package chainclient

import (
	"testing"

	"github.com/stretchr/testify/require"

	codectypes "github.com/cosmos/cosmos-sdk/codec/types"
	"github.com/cosmos/cosmos-sdk/crypto/keys/secp256k1"
	sdk "github.com/cosmos/cosmos-sdk/types"

	poctypes "github.com/edgematrix/emc/x/poc/types"
)

// A proof leaves the spool as what it was, and can be signed.
func TestProofsCanBeSigned(t *testing.T) {
	c, err := New(Config{RPC: "http://127.0.0.1:1", ChainID: "emc-1"})
	require.NoError(t, err)
	s := KeySigner{Key: secp256k1.GenPrivKey()}
	for _, msg := range []sdk.Msg{
		&poctypes.MsgCommitProof{Node: Address(s).String(), Window: 7, Kind: 1, Log2N: 10, Rounds: 3, Root: make([]byte, 32)},
		&poctypes.MsgRevealProof{Node: Address(s).String(), Window: 7, Proof: make([]byte, 45_000)},
	} {
		packed, err := codectypes.NewAnyWithValue(msg)
		require.NoError(t, err)
		var back sdk.Msg
		require.NoError(t, c.Codec.UnpackAny(&codectypes.Any{TypeUrl: packed.TypeUrl, Value: packed.Value}, &back))
		require.Equal(t, msg, back)
		raw, err := c.Sign(t.Context(), Draft{Messages: []sdk.Msg{msg}}, s)
		require.NoError(t, err)
		decoded, err := c.TxConfig.TxDecoder()(raw)
		require.NoError(t, err)
		require.Equal(t, []sdk.Msg{msg}, decoded.GetMsgs())
	}
}
