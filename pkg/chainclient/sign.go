package chainclient

import (
	"context"
	"fmt"

	"github.com/cosmos/cosmos-sdk/crypto/keyring"
	"github.com/cosmos/cosmos-sdk/crypto/keys/secp256k1"
	cryptotypes "github.com/cosmos/cosmos-sdk/crypto/types"
	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/tx/signing"
	authsigning "github.com/cosmos/cosmos-sdk/x/auth/signing"
)

// Signer holds a key that signs transactions in direct mode.
type Signer interface {
	PubKey() cryptotypes.PubKey
	Sign(bytes []byte) ([]byte, error)
}

// KeySigner signs with a raw secp256k1 key.
type KeySigner struct{ Key *secp256k1.PrivKey }

// PubKey implements Signer.
func (s KeySigner) PubKey() cryptotypes.PubKey { return s.Key.PubKey() }

// Sign implements Signer.
func (s KeySigner) Sign(bytes []byte) ([]byte, error) { return s.Key.Sign(bytes) }

// KeyringSigner signs with a named key of a keyring.
type KeyringSigner struct {
	ring keyring.Keyring
	name string
	key  cryptotypes.PubKey
}

// NewKeyringSigner looks the key up.
func NewKeyringSigner(ring keyring.Keyring, name string) (KeyringSigner, error) {
	record, err := ring.Key(name)
	if err != nil {
		return KeyringSigner{}, fmt.Errorf("key %q is not in the keyring: %w; `emcd keys list` shows the keys there are", name, err)
	}
	key, err := record.GetPubKey()
	if err != nil {
		return KeyringSigner{}, fmt.Errorf("key %q: %w", name, err)
	}
	return KeyringSigner{ring: ring, name: name, key: key}, nil
}

// PubKey implements Signer.
func (s KeyringSigner) PubKey() cryptotypes.PubKey { return s.key }

// Sign implements Signer.
func (s KeyringSigner) Sign(bytes []byte) ([]byte, error) {
	signature, _, err := s.ring.Sign(s.name, bytes, signing.SignMode_SIGN_MODE_DIRECT)
	return signature, err
}

// Address is the account of a signer.
func Address(s Signer) sdk.AccAddress { return sdk.AccAddress(s.PubKey().Address()) }

// Draft is a transaction before it is signed.
type Draft struct {
	Messages []sdk.Msg
	Memo     string
	// Gas and Fee are set by Price, or by hand.
	Gas uint64
	Fee sdk.Coins
	// FeeGranter pays the fee; empty is the signer itself.
	FeeGranter sdk.AccAddress
	// TimeoutHeight is the last block that may hold the transaction; 0 is any.
	TimeoutHeight uint64
	Account       Account
}

// Sign returns the bytes of a signed transaction.
func (c *Client) Sign(ctx context.Context, d Draft, s Signer) ([]byte, error) {
	if c.cfg.ChainID == "" {
		return nil, fmt.Errorf("no chain id is configured: nothing is signed for an unknown chain")
	}
	return c.encode(ctx, d, s, false)
}

// encode signs d, or leaves the signature empty for a simulation.
func (c *Client) encode(ctx context.Context, d Draft, s Signer, simulate bool) ([]byte, error) {
	b := c.TxConfig.NewTxBuilder()
	if err := b.SetMsgs(d.Messages...); err != nil {
		return nil, err
	}
	b.SetMemo(d.Memo)
	b.SetGasLimit(d.Gas)
	b.SetFeeAmount(d.Fee)
	b.SetTimeoutHeight(d.TimeoutHeight)
	if len(d.FeeGranter) > 0 {
		b.SetFeeGranter(d.FeeGranter)
	}
	data := &signing.SingleSignatureData{SignMode: signing.SignMode_SIGN_MODE_DIRECT}
	signature := signing.SignatureV2{PubKey: s.PubKey(), Data: data, Sequence: d.Account.Sequence}
	// The signed bytes cover the public key and the sequence, so they have to
	// be in place before the signature is made.
	if err := b.SetSignatures(signature); err != nil {
		return nil, err
	}
	if !simulate {
		bytes, err := authsigning.GetSignBytesAdapter(ctx, c.TxConfig.SignModeHandler(), signing.SignMode_SIGN_MODE_DIRECT,
			authsigning.SignerData{
				Address: Address(s).String(), ChainID: c.cfg.ChainID, PubKey: s.PubKey(),
				AccountNumber: d.Account.Number, Sequence: d.Account.Sequence,
			}, b.GetTx())
		if err != nil {
			return nil, err
		}
		if data.Signature, err = s.Sign(bytes); err != nil {
			return nil, fmt.Errorf("the key did not sign: %w", err)
		}
		if err := b.SetSignatures(signature); err != nil {
			return nil, err
		}
	}
	return c.TxConfig.TxEncoder()(b.GetTx())
}

// JSON returns an unsigned transaction for a wallet to sign.
func (c *Client) JSON(d Draft) ([]byte, error) {
	b := c.TxConfig.NewTxBuilder()
	if err := b.SetMsgs(d.Messages...); err != nil {
		return nil, err
	}
	b.SetMemo(d.Memo)
	b.SetGasLimit(d.Gas)
	b.SetFeeAmount(d.Fee)
	return c.TxConfig.TxJSONEncoder()(b.GetTx())
}
