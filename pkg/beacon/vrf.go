package beacon

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	voi "github.com/oasisprotocol/curve25519-voi/primitives/ed25519"
	"github.com/oasisprotocol/curve25519-voi/primitives/ed25519/extra/ecvrf"
)

// Each use of the VRF has its own tag: what was proven for one says nothing in
// another.
const (
	heightTag = "emc/poc/vrf/1"
	ownerTag  = "emc/poc/vrf-key/1"
)

const (
	// PubKeySize is the size of a VRF public key.
	PubKeySize = ed25519.PublicKeySize
	// ProofSize is the size of a VRF proof (ECVRF-EDWARDS25519-SHA512-ELL2, RFC 9381).
	ProofSize = ecvrf.ProofSize
	// OutputSize is the size of what the VRF gives.
	OutputSize = ecvrf.OutputSize
)

// ErrProof means a proof that is not one of the key for the input.
var ErrProof = errors.New("not a VRF proof by this key")

// ErrPubKey means bytes that are no VRF public key.
var ErrPubKey = errors.New("not a VRF public key")

// HeightInput is what a proposer proves the VRF of at a height.
func HeightInput(chainID string, height int64) []byte {
	chain := sha256.Sum256([]byte(chainID))
	return binary.LittleEndian.AppendUint64(append([]byte(heightTag), chain[:]...), uint64(height))
}

// OwnerInput is what a validator proves the VRF of to show that a key is his: a
// key that somebody copied from another's registration is refused.
func OwnerInput(chainID string, validator []byte) []byte {
	chain := sha256.Sum256([]byte(chainID))
	return append(append([]byte(ownerTag), chain[:]...), validator...)
}

// Verify checks a proof and returns the VRF's output. There is one output for
// each key and input; proofs there are many, so never hash a proof: whoever
// made it could choose.
func Verify(pubKey, proof, input []byte) (output []byte, err error) {
	if err := ValidatePubKey(pubKey); err != nil {
		return nil, err
	}
	if len(proof) != ProofSize {
		return nil, fmt.Errorf("%w: expected %d bytes, got %d", ErrProof, ProofSize, len(proof))
	}
	ok, output := ecvrf.Verify(voi.PublicKey(pubKey), proof, input)
	if !ok {
		return nil, ErrProof
	}
	return output, nil
}

// ValidatePubKey checks the size; Verify refuses weak keys, since nobody can
// prove to own one.
func ValidatePubKey(pubKey []byte) error {
	if len(pubKey) != PubKeySize {
		return fmt.Errorf("%w: expected %d bytes, got %d", ErrPubKey, PubKeySize, len(pubKey))
	}
	return nil
}
