package wallets

import (
	"crypto/sha256"
	"fmt"
	"sync"

	"github.com/cosmos/go-bip39"

	"github.com/cosmos/cosmos-sdk/crypto/hd"
	"github.com/cosmos/cosmos-sdk/crypto/keys/secp256k1"
	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/app/params"
)

// key is one wallet's. Both sides derive it from the mnemonic by themselves: the
// chain here, CosmJS there.
type key struct {
	mnemonic string
	secret   *secp256k1.PrivKey
	address  sdk.AccAddress

	mu sync.Mutex // one transaction at a time, or two would take the same sequence number
}

// newKey makes a key that is the same in every run.
func newKey(name string) (*key, error) {
	entropy := sha256.Sum256([]byte("test/wallets " + name))
	mnemonic, err := bip39.NewMnemonic(entropy[:16])
	if err != nil {
		return nil, err
	}
	secret, err := hd.Secp256k1.Derive()(mnemonic, "", hd.CreateHDPath(params.CoinType, 0, 0).String())
	if err != nil {
		return nil, fmt.Errorf("key %s: %w", name, err)
	}
	k := &key{mnemonic: mnemonic, secret: &secp256k1.PrivKey{Key: secret}}
	k.address = sdk.AccAddress(k.secret.PubKey().Address())
	return k, nil
}

// operator is the key's address as a validator.
func (k *key) operator() string { return sdk.ValAddress(k.address).String() }
