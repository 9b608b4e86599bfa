package receipt

import (
	"crypto/sha256"
	"fmt"

	"github.com/consensys/gnark-crypto/ecc/secp256k1"
	"github.com/consensys/gnark-crypto/ecc/secp256k1/fp"
	dcrec "github.com/decred/dcrd/dcrec/secp256k1/v4"
)

// SecretKeySize is the size of a secp256k1 private key in bytes.
const SecretKeySize = 32

// SecretKey is a Signer that makes the same bytes as the SDK's *secp256k1.PrivKey in a third of the time, for those who sign
// every call. As there, how long it takes depends on the key a little: it is for machines of which nobody else measures
// that. It may be used by several goroutines.
type SecretKey struct {
	scalar dcrec.ModNScalar
	public PublicKey
}

// ParseSecretKey reads a private key of SecretKeySize bytes, or fails with ErrKey.
func ParseSecretKey(secret []byte) (*SecretKey, error) {
	k := new(SecretKey)
	if len(secret) != SecretKeySize || k.scalar.SetByteSlice(secret) || k.scalar.IsZero() {
		return nil, fmt.Errorf("%w: a private key is %d bytes, below the group's order and not zero", ErrKey, SecretKeySize)
	}
	var err error
	k.public, err = ParsePublicKey(dcrec.NewPrivateKey(&k.scalar).PubKey().SerializeCompressed())
	return k, err
}

// Public is the key's public half.
func (k *SecretKey) Public() PublicKey { return k.public }

// Sign implements Signer: ECDSA over SHA-256 with the nonces of RFC 6979 and low S.
func (k *SecretKey) Sign(signBytes []byte) ([]byte, error) {
	digest := sha256.Sum256(signBytes)
	secret := k.scalar.Bytes()
	for i := uint32(0); ; i++ {
		nonce := dcrec.NonceRFC6979(secret[:], digest[:], nil, nil, i)
		if signature, ok := k.signWith(nonce, digest); ok {
			return signature[:], nil
		}
	}
}

// signWith fails for a nonce that gives a zero, as one in 2^256 does.
func (k *SecretKey) signWith(nonce *dcrec.ModNScalar, digest [32]byte) (signature Signature, ok bool) {
	var point secp256k1.G1Jac
	base().addMultiple(nonce, &point)
	var x fp.Element // of the affine point
	x.Square(&point.Z)
	x.Inverse(&x)
	x.Mul(&x, &point.X)
	raw := x.Bytes()
	var r, s, e dcrec.ModNScalar
	r.SetBytes(&raw) // modulo the order
	e.SetBytes(&digest)
	s = inverseOf(nonce)
	e.Add(new(dcrec.ModNScalar).Mul2(&r, &k.scalar))
	if s.Mul(&e); s.IsOverHalfOrder() {
		s.Negate()
	}
	r.PutBytesUnchecked(signature[:32])
	s.PutBytesUnchecked(signature[32:])
	return signature, !r.IsZero() && !s.IsZero()
}
