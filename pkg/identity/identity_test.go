package identity

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/stretchr/testify/require"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/transfer"
	computetypes "github.com/edgematrix/emc/x/compute/types"
)

func TestOneKeyIsAccountAndPeer(t *testing.T) {
	id := New()
	require.True(t, strings.HasPrefix(id.Address(), "emc1"))
	key, err := id.HostKey()
	require.NoError(t, err)
	p, err := peer.IDFromPrivateKey(key)
	require.NoError(t, err)
	public, err := transfer.PubKey33(p)
	require.NoError(t, err)
	require.Equal(t, id.PubKey(), public[:])
}

func TestRegistrationIsBoundToChainAndOperator(t *testing.T) {
	id, operator, other := New(), sdk.AccAddress("operator------------"), sdk.AccAddress("somebody else-------")
	signature, err := id.SignRegistration("emc-1", operator)
	require.NoError(t, err)
	node, err := computetypes.VerifyRegistration("emc-1", operator, id.PubKey(), signature)
	require.NoError(t, err)
	require.Equal(t, id.Address(), node.String())
	_, err = computetypes.VerifyRegistration("emc-2", operator, id.PubKey(), signature)
	require.ErrorIs(t, err, computetypes.ErrInvalidKey)
	_, err = computetypes.VerifyRegistration("emc-1", other, id.PubKey(), signature)
	require.ErrorIs(t, err, computetypes.ErrInvalidKey)
}

func TestKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "node_key.json")
	_, err := Load(path)
	require.ErrorContains(t, err, "make one with `init`")
	id := New()
	require.NoError(t, id.Create(path))
	got, err := Load(path)
	require.NoError(t, err)
	require.Equal(t, id.Address(), got.Address())
	require.ErrorContains(t, New().Create(path), "not overwritten")
	got, err = Load(path)
	require.NoError(t, err)
	require.Equal(t, id.Address(), got.Address(), "the refusal left the key as it was")

	require.NoError(t, os.Chmod(path, 0o640))
	_, err = Load(path)
	require.ErrorContains(t, err, "chmod 600")

	damaged := filepath.Join(t.TempDir(), "node_key.json")
	data, err := id.marshal()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(damaged, []byte(strings.Replace(string(data), id.Address(), New().Address(), 1)), 0o600))
	_, err = Load(damaged)
	require.ErrorContains(t, err, "damaged")

	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(path, link))
	_, err = Load(link)
	require.Error(t, err, "a link could lead to a file that others write")
}

func TestExportImport(t *testing.T) {
	id := New()
	_, err := id.Export("short")
	require.ErrorContains(t, err, "at least")
	recipient, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	data, err := id.ExportTo(recipient.Recipient().String())
	require.NoError(t, err)
	require.NotContains(t, string(data), "key")
	got, err := Import(data, recipient.String())
	require.NoError(t, err)
	require.Equal(t, id.Address(), got.Address())
	_, err = id.ExportTo("age1nonsense")
	require.Error(t, err)
	other, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	_, err = Import(data, other.String())
	require.Error(t, err)
	_, err = Import([]byte("nothing"), recipient.String())
	require.Error(t, err)
}

func TestExportWithPassphrase(t *testing.T) {
	if testing.Short() {
		t.Skip("scrypt takes its time")
	}
	id := New()
	data, err := id.Export("correct horse battery")
	require.NoError(t, err)
	got, err := Import(data, "correct horse battery")
	require.NoError(t, err)
	require.Equal(t, id.Address(), got.Address())
	_, err = Import(data, "wrong horse battery")
	require.ErrorContains(t, err, "wrong passphrase")
}
