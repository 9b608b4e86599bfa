package cmd

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cosmos/cosmos-sdk/codec"
	codectypes "github.com/cosmos/cosmos-sdk/codec/types"
	cryptocodec "github.com/cosmos/cosmos-sdk/crypto/codec"
	"github.com/cosmos/cosmos-sdk/crypto/hd"
	"github.com/cosmos/cosmos-sdk/crypto/keyring"
	sdk "github.com/cosmos/cosmos-sdk/types"
)

// A session's key is one that can sign calls, and never the wallet's own.
func TestSessionKey(t *testing.T) {
	registry := codectypes.NewInterfaceRegistry()
	cryptocodec.RegisterInterfaces(registry)
	ring := keyring.NewInMemory(codec.NewProtoCodec(registry))
	address := func(name string) sdk.AccAddress {
		r, _, err := ring.NewMnemonic(name, keyring.English, sdk.FullFundraiserPath, keyring.DefaultBIP39Passphrase, hd.Secp256k1)
		require.NoError(t, err)
		a, err := r.GetAddress()
		require.NoError(t, err)
		return a
	}
	wallet := address("wallet")
	address("calls")
	key, err := sessionKey(ring, "calls", wallet.String())
	require.NoError(t, err)
	require.Len(t, key, 33)
	_, err = sessionKey(ring, "nobody", wallet.String())
	require.ErrorContains(t, err, "emcd keys add nobody")
	_, err = sessionKey(ring, "wallet", wallet.String())
	require.ErrorContains(t, err, "secret of your wallet")
	r, err := ring.Key("calls")
	require.NoError(t, err)
	public, err := r.GetPubKey()
	require.NoError(t, err)
	require.NoError(t, ring.Delete("calls"))
	_, err = ring.SaveOfflineKey("elsewhere", public)
	require.NoError(t, err)
	_, err = sessionKey(ring, "elsewhere", wallet.String())
	require.ErrorContains(t, err, "secret is not in the keyring")
}
