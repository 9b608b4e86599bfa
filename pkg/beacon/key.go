package beacon

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	voi "github.com/oasisprotocol/curve25519-voi/primitives/ed25519"
	"github.com/oasisprotocol/curve25519-voi/primitives/ed25519/extra/ecvrf"
)

// KeyFile is where a node's home keeps its VRF key.
const KeyFile = "config/beacon_key.json"

// Key is a VRF key. It must not be the consensus key: that one may live in a
// remote signer, which does not sign for a VRF.
type Key struct{ secret voi.PrivateKey }

// NewKey makes a key from random, which is crypto/rand.Reader outside of tests.
func NewKey(random io.Reader) (Key, error) {
	_, secret, err := voi.GenerateKey(random)
	return Key{secret}, err
}

// PubKey is the public key.
func (k Key) PubKey() []byte { return append([]byte(nil), k.secret[voi.PrivateKeySize-PubKeySize:]...) }

// Prove proves the VRF of an input.
func (k Key) Prove(input []byte) []byte { return ecvrf.Prove(k.secret, input) }

// keyFile is what the file holds.
type keyFile struct {
	Type   string `json:"type"`
	PubKey []byte `json:"pub_key"`
	Seed   []byte `json:"seed"`
}

const keyType = "emc/beacon-key/1"

// Save writes the key into a new file that only its owner can read.
func (k Key) Save(path string) error {
	data, err := json.MarshalIndent(keyFile{keyType, k.PubKey(), k.secret.Seed()}, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(data, '\n'))
	return errors.Join(err, f.Sync(), f.Close())
}

// Load reads a key. The error is fs.ErrNotExist where there is none.
func Load(path string) (Key, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Key{}, err
	}
	var f keyFile
	if err := json.Unmarshal(data, &f); err != nil {
		return Key{}, fmt.Errorf("%s: %w", path, err)
	}
	if f.Type != keyType || len(f.Seed) != voi.SeedSize {
		return Key{}, fmt.Errorf("%s is no beacon key: expected type %q and a seed of %d bytes, got %q and %d bytes", path, keyType, voi.SeedSize, f.Type, len(f.Seed))
	}
	k := Key{voi.NewKeyFromSeed(f.Seed)}
	if string(k.PubKey()) != string(f.PubKey) {
		return Key{}, fmt.Errorf("%s: the public key is not the one of the seed; restore the file from a backup", path)
	}
	return k, nil
}

// LoadOrMake reads the key of a node's home, or makes it.
func LoadOrMake(home string, random io.Reader) (Key, error) {
	path := filepath.Join(home, filepath.FromSlash(KeyFile))
	k, err := Load(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return k, err
	}
	if k, err = NewKey(random); err != nil {
		return Key{}, err
	}
	return k, k.Save(path)
}
