// Package identity holds the node's key: its account on the chain and its
// libp2p identity in one secp256k1 key, kept in a file that only the worker's
// user can read.
package identity

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/libp2p/go-libp2p/core/crypto"

	"github.com/cosmos/cosmos-sdk/crypto/keys/secp256k1"
	sdk "github.com/cosmos/cosmos-sdk/types"

	_ "github.com/edgematrix/emc/pkg/bech32" // addresses print with EMC's prefix
	"github.com/edgematrix/emc/pkg/chainclient"
	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/transfer"
	computetypes "github.com/edgematrix/emc/x/compute/types"
)

const fileVersion = 1

// Identity is a node's key.
type Identity struct {
	key *secp256k1.PrivKey
}

type keyFile struct {
	Version int    `json:"version"`
	Type    string `json:"type"`
	Address string `json:"address"`
	Key     string `json:"key"`
}

// New draws a key.
func New() Identity { return Identity{key: secp256k1.GenPrivKey()} }

// Address is the node's account, which is also its id.
func (i Identity) Address() string { return sdk.AccAddress(i.key.PubKey().Address()).String() }

// PubKey is the compressed key, 33 bytes.
func (i Identity) PubKey() []byte { return i.key.PubKey().Bytes() }

// Signer signs the node's transactions.
func (i Identity) Signer() chainclient.Signer { return chainclient.KeySigner{Key: i.key} }

// HostKey is the key as a libp2p identity.
func (i Identity) HostKey() (crypto.PrivKey, error) { return transfer.HostKey(i.key.Key) }

// ReceiptKey is the key as it signs receipts or vouchers.
func (i Identity) ReceiptKey() (*receipt.SecretKey, error) { return receipt.ParseSecretKey(i.key.Key) }

// SignRegistration agrees to an operator: who holds this signature may
// register the node under that operator on that chain, and nowhere else.
func (i Identity) SignRegistration(chainID string, operator sdk.AccAddress) ([]byte, error) {
	return i.key.Sign(computetypes.RegistrationBytes(chainID, operator))
}

// Create writes the key to a new file. It never overwrites one: a lost key
// cannot be made again.
func (i Identity) Create(path string) error {
	data, err := i.marshal()
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists already and is not overwritten: it is the key of a node; move it away if it is no longer needed", path)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return syncDir(filepath.Dir(path))
}

// Load reads a key. It refuses a file that others can read.
func Load(path string) (Identity, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return Identity{}, fmt.Errorf("there is no node key at %s; make one with `init`, or bring one with `emc-worker import`", path)
	}
	if err != nil {
		return Identity{}, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return Identity{}, err
	}
	if st.Mode().Perm()&0o077 != 0 {
		return Identity{}, fmt.Errorf("%s can be read by other users (mode %o); run: chmod 600 %s", path, st.Mode().Perm(), path)
	}
	data := make([]byte, 4096)
	n, err := f.Read(data)
	if err != nil {
		return Identity{}, fmt.Errorf("%s: %w", path, err)
	}
	i, err := unmarshal(data[:n])
	if err != nil {
		return Identity{}, fmt.Errorf("%s is damaged: %w; bring the key back from an export with `emc-worker import`", path, err)
	}
	return i, nil
}

func (i Identity) marshal() ([]byte, error) {
	data, err := json.MarshalIndent(keyFile{Version: fileVersion, Type: "secp256k1", Address: i.Address(), Key: hex.EncodeToString(i.key.Key)}, "", "  ")
	return append(data, '\n'), err
}

func unmarshal(data []byte) (Identity, error) {
	var f keyFile
	if err := json.Unmarshal(data, &f); err != nil {
		return Identity{}, fmt.Errorf("it is not a key file: %w", err)
	}
	if f.Version != fileVersion || f.Type != "secp256k1" {
		return Identity{}, fmt.Errorf("expected a secp256k1 key in version %d, got %q in version %d", fileVersion, f.Type, f.Version)
	}
	raw, err := hex.DecodeString(f.Key)
	if err != nil || len(raw) != secp256k1.PrivKeySize {
		return Identity{}, errors.New("the key is not 32 bytes in hex")
	}
	i := Identity{key: &secp256k1.PrivKey{Key: raw}}
	// Zero, and numbers beyond the curve's order, are 32 bytes and no keys: they
	// have an address and sign what nobody accepts.
	probe := []byte("emc-worker key file")
	if signature, err := i.key.Sign(probe); err != nil || !i.key.PubKey().VerifySignature(probe, signature) {
		return Identity{}, errors.New("the key is not a secp256k1 key")
	}
	if got := i.Address(); got != f.Address {
		return Identity{}, fmt.Errorf("the key belongs to %s, the file says %s", got, f.Address)
	}
	return i, nil
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
