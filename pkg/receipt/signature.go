package receipt

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
)

// The tags of what is signed. A signature of one kind can never stand for another.
const (
	requestTag = "emc/request/1"
	receiptTag = "emc/receipt/1"
	voucherTag = "emc/voucher/1"
	cosignTag  = "emc/cosign/1"
)

// SignatureSize is the size of every signature in bytes.
const SignatureSize = 64

// Signature is a signature as the chain's: R ‖ S over SHA-256 of the signed bytes, each 32 bytes, with low S. 128
// lower-case hex characters in text. Zeros are no signature.
type Signature [SignatureSize]byte

// IsZero says whether nobody has signed.
func (s Signature) IsZero() bool { return s == Signature{} }

// String returns 128 lower-case hex characters.
func (s Signature) String() string { return hex.EncodeToString(s[:]) }

// MarshalText implements encoding.TextMarshaler.
func (s Signature) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Signature) UnmarshalText(text []byte) error {
	return parseHex("signature", s[:], string(text))
}

// Signer signs with a secp256k1 key: 64 bytes over SHA-256 of what it gets. The SDK's *secp256k1.PrivKey is one, and signs
// the same bytes in the same way every time (RFC 6979).
type Signer interface {
	Sign(signBytes []byte) ([]byte, error)
}

// signPrefix is how everything signed begins. It has room for the longest body.
func signPrefix(tag, chainID string) []byte {
	chain := sha256.Sum256([]byte(chainID))
	b := append(make([]byte, 0, 512), tag...)
	return append(b, chain[:]...)
}

func sign(key Signer, signBytes []byte) (Signature, error) {
	raw, err := key.Sign(signBytes)
	if err != nil {
		return Signature{}, fmt.Errorf("%w: %w", ErrSigner, err)
	}
	if len(raw) != SignatureSize {
		return Signature{}, fmt.Errorf("%w: expected %d bytes, got %d: use a secp256k1 key", ErrSigner, SignatureSize, len(raw))
	}
	s := Signature(raw)
	if _, ok := s.parse(); !ok {
		return Signature{}, fmt.Errorf("%w: expected R and S in range and S low: use a secp256k1 key", ErrSigner)
	}
	return s, nil
}

// parse refuses what is not the one form of a signature. The high S, or R and S above the group's order, would be the same
// signature in other bytes: a voucher or a leaf of the tree that nobody made.
func (s *Signature) parse() (*ecdsa.Signature, bool) {
	var r, low secp256k1.ModNScalar
	if r.SetByteSlice(s[:32]) || low.SetByteSlice(s[32:]) || r.IsZero() || low.IsZero() || low.IsOverHalfOrder() {
		return nil, false
	}
	return ecdsa.NewSignature(&r, &low), true
}
