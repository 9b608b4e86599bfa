package operator

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/cosmos/cosmos-sdk/codec"
	"github.com/cosmos/cosmos-sdk/crypto/hd"
	"github.com/cosmos/cosmos-sdk/crypto/keyring"
	sdk "github.com/cosmos/cosmos-sdk/types"
)

// OpenKeyring opens the keyring that emcd uses in the same directory.
func OpenKeyring(backend, dir string, in io.Reader, c codec.Codec) (keyring.Keyring, error) {
	switch backend {
	case keyring.BackendTest, keyring.BackendFile, keyring.BackendOS:
	default:
		return nil, fmt.Errorf("keyring backend %q is none of test, file, os", backend)
	}
	ring, err := keyring.New(sdk.KeyringServiceName(), backend, dir, in, c)
	if err != nil {
		return nil, fmt.Errorf("the keyring in %s cannot be opened: %w", dir, err)
	}
	return ring, nil
}

// EnsureKey makes a key on a local network's test keyring unless it is there.
func EnsureKey(ring keyring.Keyring, name string) error {
	if _, err := ring.Key(name); err == nil {
		return nil
	}
	_, _, err := ring.NewMnemonic(name, keyring.English, sdk.FullFundraiserPath, keyring.DefaultBIP39Passphrase, hd.Secp256k1)
	return err
}

// HasKey reports whether a local network's test keyring in a directory has a key:
// nothing is opened, and nothing made.
func HasKey(dir, name string) bool {
	_, err := os.Stat(filepath.Join(dir, "keyring-test", name+".info"))
	return err == nil
}
