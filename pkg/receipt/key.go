package receipt

import (
	"crypto/sha256"
	"fmt"

	"github.com/cosmos/cosmos-sdk/crypto/keys/secp256k1"
	dcrec "github.com/decred/dcrd/dcrec/secp256k1/v4"
)

// PublicKeySize is the size of a compressed secp256k1 public key in bytes.
const PublicKeySize = secp256k1.PubKeySize

// PublicKey is a secp256k1 public key, parsed once for all signatures of a lane. The zero value verifies nothing. Copies
// share what is behind them, and may be used at the same time.
type PublicKey struct {
	point   *dcrec.PublicKey
	address Address
	table   *table // nil until Precompute
}

// ParsePublicKey reads a compressed public key of PublicKeySize bytes that is a point of the curve, or fails with ErrKey.
func ParsePublicKey(compressed []byte) (PublicKey, error) {
	if len(compressed) != PublicKeySize {
		return PublicKey{}, fmt.Errorf("%w: expected %d bytes, got %d", ErrKey, PublicKeySize, len(compressed))
	}
	point, err := dcrec.ParsePubKey(compressed)
	if err != nil {
		return PublicKey{}, fmt.Errorf("%w: %w", ErrKey, err)
	}
	key := secp256k1.PubKey{Key: compressed}
	return PublicKey{point: point, address: Address(key.Address())}, nil
}

// Bytes returns the compressed key, nil for the zero value.
func (k PublicKey) Bytes() []byte {
	if k.point == nil {
		return nil
	}
	return k.point.SerializeCompressed()
}

// Address is the key's address on the chain, the zero address for the zero value.
func (k PublicKey) Address() Address { return k.address }

// Precompute returns the same key with a table by which it verifies in less than half the time. Making it takes as long as
// a dozen verifications, and it holds TableBytes of memory: for keys that sign often, and of which there are few. The
// caller bounds their number, because whoever opens a session chooses a key.
func (k PublicKey) Precompute() PublicKey {
	if k.point != nil && k.table == nil {
		k.table = newTable(affineOf(k.point), keyWidth)
	}
	return k
}

// Verify says whether the key signed these bytes, and the signature has the chain's form.
func (k PublicKey) Verify(signBytes []byte, signature Signature) bool {
	parsed, ok := signature.parse()
	if !ok || k.point == nil {
		return false
	}
	digest := sha256.Sum256(signBytes)
	if k.table != nil {
		return k.table.verify(digest, parsed)
	}
	return parsed.Verify(digest[:], k.point)
}
