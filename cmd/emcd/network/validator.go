package network

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	cmtcfg "github.com/cometbft/cometbft/config"

	"cosmossdk.io/math"

	clienttx "github.com/cosmos/cosmos-sdk/client/tx"
	"github.com/cosmos/cosmos-sdk/crypto/hd"
	"github.com/cosmos/cosmos-sdk/crypto/keyring"
	cryptotypes "github.com/cosmos/cosmos-sdk/crypto/types"
	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/x/genutil"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"

	"github.com/edgematrix/emc/pkg/beacon"
	poctypes "github.com/edgematrix/emc/x/poc/types"
)

// Validator is what a genesis transaction says of a validator.
type Validator struct {
	// KeyName is the operator's key in the keyring.
	KeyName string
	// Moniker is the validator's public name.
	Moniker string
	// PubKey is the consensus key.
	PubKey cryptotypes.PubKey
	// Bonded is its own stake.
	Bonded sdk.Coin
	// Memo is id@host:port for the others' peer lists; it may be empty.
	Memo string
}

// NodeKeys creates the node's identity and consensus key in cfg's home, or reads
// those that are there.
func NodeKeys(cfg *cmtcfg.Config) (nodeID string, key cryptotypes.PubKey, err error) {
	for _, path := range []string{cfg.NodeKeyFile(), cfg.PrivValidatorStateFile()} {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return "", nil, err
		}
	}
	return genutil.InitializeNodeValidatorFiles(cfg)
}

// BeaconKey reads or makes the beacon key in a node's home and enters it as the
// validator's.
func BeaconKey(home string, operator sdk.AccAddress) (poctypes.BeaconKey, error) {
	key, err := beacon.LoadOrMake(home, rand.Reader)
	if err != nil {
		return poctypes.BeaconKey{}, fmt.Errorf("the beacon key: %w", err)
	}
	return poctypes.BeaconKey{Validator: sdk.ValAddress(operator).String(), Pubkey: key.PubKey()}, nil
}

// AddKey adds the key of a mnemonic under name; an empty mnemonic makes a new
// one. It returns the address and the mnemonic.
func AddKey(ring keyring.Keyring, name, mnemonic string) (sdk.AccAddress, string, error) {
	path := hd.CreateHDPath(sdk.GetConfig().GetCoinType(), 0, 0).String()
	var record *keyring.Record
	var err error
	if mnemonic == "" {
		record, mnemonic, err = ring.NewMnemonic(name, keyring.English, path, keyring.DefaultBIP39Passphrase, hd.Secp256k1)
	} else {
		record, err = ring.NewAccount(name, mnemonic, keyring.DefaultBIP39Passphrase, path, hd.Secp256k1)
	}
	if err != nil {
		return nil, "", fmt.Errorf("key %q: %w", name, err)
	}
	address, err := record.GetAddress()
	return address, mnemonic, err
}

// GenTx returns the signed genesis transaction that makes v a validator.
func GenTx(ctx context.Context, c Codecs, ring keyring.Keyring, chainID string, v Validator) (json.RawMessage, error) {
	record, err := ring.Key(v.KeyName)
	if err != nil {
		return nil, fmt.Errorf("the validator's key %q: %w", v.KeyName, err)
	}
	address, err := record.GetAddress()
	if err != nil {
		return nil, err
	}
	msg, err := stakingtypes.NewMsgCreateValidator(
		sdk.ValAddress(address).String(), v.PubKey, v.Bonded,
		stakingtypes.NewDescription(v.Moniker, "", "", "", ""),
		stakingtypes.NewCommissionRates(math.LegacyNewDecWithPrec(10, 2), math.LegacyNewDecWithPrec(20, 2), math.LegacyNewDecWithPrec(1, 2)),
		math.OneInt())
	if err != nil {
		return nil, err
	}
	builder := c.TxConfig.NewTxBuilder()
	if err := builder.SetMsgs(msg); err != nil {
		return nil, err
	}
	builder.SetMemo(v.Memo)
	factory := clienttx.Factory{}.WithChainID(chainID).WithMemo(v.Memo).WithKeybase(ring).WithTxConfig(c.TxConfig)
	if err := clienttx.Sign(ctx, factory, v.KeyName, builder, true); err != nil {
		return nil, fmt.Errorf("sign the genesis transaction of %s: %w", v.KeyName, err)
	}
	return c.TxConfig.TxJSONEncoder()(builder.GetTx())
}
