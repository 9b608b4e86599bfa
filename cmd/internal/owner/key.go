// Package owner is what the daemons' commands share: how they get at the key of a
// node's operator, and send or print the transactions that it signs.
package owner

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/cosmos/cosmos-sdk/codec"
	"github.com/cosmos/cosmos-sdk/crypto/keyring"
	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/chainclient"
	"github.com/edgematrix/emc/pkg/operator"
)

// localKey names the operator's key on a local network, in the daemon's home.
const localKey = "operator"

// Key is how a command gets at the operator's key, or only its address.
type Key struct {
	From, Backend, Dir string
	Address            string
	Generate           bool
}

// KeyFlags adds the flags; their defaults come from the environment.
func KeyFlags(cmd *cobra.Command, env func(name, fallback string) string) *Key {
	k := &Key{}
	f := cmd.Flags()
	f.StringVar(&k.From, "from", env("FROM", ""), "name of the operator's key in the keyring")
	f.StringVar(&k.Backend, "keyring-backend", env("KEYRING_BACKEND", keyring.BackendOS), "test, file or os")
	f.StringVar(&k.Dir, "keyring-home", env("KEYRING_HOME", defaultKeyring()), "directory of the keyring: emcd's home")
	f.StringVar(&k.Address, "operator", "", "the operator's address, with --generate-only")
	f.BoolVar(&k.Generate, "generate-only", false, "print the unsigned transaction for a wallet or Ledger")
	return k
}

func defaultKeyring() string {
	dir, err := os.UserHomeDir()
	if err != nil {
		return ".emcd"
	}
	return filepath.Join(dir, ".emcd")
}

// Local takes the key of a local network's operator, and makes it unless it is there.
func (k *Key) Local(home string, in io.Reader, c codec.Codec) error {
	k.From, k.Backend, k.Dir = localKey, keyring.BackendTest, home
	ring, err := operator.OpenKeyring(k.Backend, k.Dir, in, c)
	if err != nil {
		return err
	}
	return operator.EnsureKey(ring, k.From)
}

// Signer opens the keyring; with --generate-only and --operator no key is needed
// at all, and the signer is nil.
func (k *Key) Signer(home string, in io.Reader, c codec.Codec) (sdk.AccAddress, chainclient.Signer, error) {
	if k.Address != "" {
		if !k.Generate {
			return nil, nil, errors.New("--operator goes with --generate-only; to sign here, name a key with --from")
		}
		address, err := sdk.AccAddressFromBech32(k.Address)
		if err != nil {
			return nil, nil, fmt.Errorf("--operator %q is not an address: %w", k.Address, err)
		}
		return address, nil, nil
	}
	if k.From == "" && operator.HasKey(home, localKey) {
		k.From, k.Backend, k.Dir = localKey, keyring.BackendTest, home
	}
	if k.From == "" {
		return nil, nil, errors.New("whose node is it? Name the operator's key with --from, or give --operator ADDRESS --generate-only and sign elsewhere")
	}
	ring, err := operator.OpenKeyring(k.Backend, k.Dir, in, c)
	if err != nil {
		return nil, nil, err
	}
	s, err := chainclient.NewKeyringSigner(ring, k.From)
	if err != nil {
		return nil, nil, err
	}
	return chainclient.Address(s), s, nil
}
