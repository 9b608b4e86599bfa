package transfer

import (
	"encoding/hex"
	"fmt"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
)

// HostKey turns the 32 bytes of a secp256k1 private key (a chain key or an access key) into a libp2p identity with the
// same public key.
func HostKey(secp256k1Priv []byte) (crypto.PrivKey, error) {
	k, err := crypto.UnmarshalSecp256k1PrivateKey(secp256k1Priv)
	if err != nil {
		return nil, fmt.Errorf("host key: %w", err)
	}
	return k, nil
}

// NewAccessKey makes a key for one job: its 32 private bytes, which the customer keeps until the job is accepted, and
// the public key that goes into the job on the chain.
func NewAccessKey() (priv []byte, pub PubKey, err error) {
	k, _, err := crypto.GenerateSecp256k1Key(nil)
	if err != nil {
		return nil, PubKey{}, err
	}
	if priv, err = k.Raw(); err != nil {
		return nil, PubKey{}, err
	}
	pub, err = pubKeyOf(k.GetPublic())
	return priv, pub, err
}

// PubKey33 returns the public key inside a peer id. Only secp256k1 peers have one of 33 bytes; others are refused.
func PubKey33(id peer.ID) (PubKey, error) {
	pk, err := id.ExtractPublicKey()
	if err != nil {
		return PubKey{}, fmt.Errorf("peer %s: its id holds no public key: expected a secp256k1 identity", id)
	}
	return pubKeyOf(pk)
}

// PeerID returns the libp2p peer id of a public key.
func PeerID(pub PubKey) (peer.ID, error) {
	pk, err := crypto.UnmarshalSecp256k1PublicKey(pub[:])
	if err != nil {
		return "", fmt.Errorf("public key %s is not a compressed secp256k1 key: %w", pub, err)
	}
	return peer.IDFromPublicKey(pk)
}

// PubKeyFromBytes takes exactly 33 bytes.
func PubKeyFromBytes(b []byte) (PubKey, error) {
	if len(b) != len(PubKey{}) {
		return PubKey{}, fmt.Errorf("a compressed secp256k1 public key has %d bytes, got %d", len(PubKey{}), len(b))
	}
	return PubKey(b), nil
}

// String returns the key in lower-case hex.
func (k PubKey) String() string { return hex.EncodeToString(k[:]) }

// MarshalText implements encoding.TextMarshaler.
func (k PubKey) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (k *PubKey) UnmarshalText(text []byte) error {
	b, err := hex.DecodeString(string(text))
	if err != nil {
		return fmt.Errorf("public key: %w", err)
	}
	*k, err = PubKeyFromBytes(b)
	return err
}

func pubKeyOf(pk crypto.PubKey) (PubKey, error) {
	if pk.Type() != crypto.Secp256k1 {
		return PubKey{}, fmt.Errorf("expected a secp256k1 identity, got %s", pk.Type())
	}
	raw, err := pk.Raw()
	if err != nil {
		return PubKey{}, err
	}
	return PubKeyFromBytes(raw)
}
