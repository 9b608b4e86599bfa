package probe

import (
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/libp2p/go-libp2p/core/protocol"

	"github.com/cosmos/cosmos-sdk/crypto/keys/secp256k1"

	"github.com/edgematrix/emc/pkg/transfer"
)

// Protocol is the stream protocol.
const Protocol protocol.ID = "/emc/probe/1"

const (
	tag = "emc/probe/1"
	// challengeBytes and signatureBytes are all that a probe carries.
	challengeBytes = 32
	signatureBytes = 64
)

// ErrSignature means an answer that is not the node's, or to another question.
var ErrSignature = errors.New("the answer is not signed by the node's key")

// Challenge is a prober's question.
type Challenge [challengeBytes]byte

// Message is what the node signs.
func Message(chainID string, c Challenge, prober transfer.PubKey) []byte {
	chain := sha256.Sum256([]byte(chainID))
	out := append([]byte(tag), chain[:]...)
	out = append(out, c[:]...)
	return append(out, prober[:]...)
}

// Verify checks a node's answer.
func Verify(chainID string, c Challenge, prober, node transfer.PubKey, signature []byte) error {
	if len(signature) != signatureBytes {
		return fmt.Errorf("%w: %d bytes, expected %d", ErrSignature, len(signature), signatureBytes)
	}
	if !(&secp256k1.PubKey{Key: node[:]}).VerifySignature(Message(chainID, c, prober), signature) {
		return ErrSignature
	}
	return nil
}
