package types

import (
	"crypto/sha256"
	"fmt"

	errorsmod "cosmossdk.io/errors"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/proof"
)

// Validate checks what can be checked without the state.
func (m MsgCommitProof) Validate() (sdk.AccAddress, error) {
	node, err := nodeAddress(m.Node)
	if err != nil {
		return nil, err
	}
	if m.Window < 1 {
		return nil, errorsmod.Wrapf(ErrWindow, "no window has the height %d", m.Window)
	}
	if m.Kind != proof.KindInt8 {
		return nil, errorsmod.Wrapf(ErrInvalidCommit, "kind %d: the standard task is kind %d", m.Kind, proof.KindInt8)
	}
	if m.Log2N > proof.MaxLogN { // before it is cut down to a byte
		return nil, errorsmod.Wrapf(ErrInvalidCommit, "n is 2^%d, expected 2^%d to 2^%d", m.Log2N, proof.MinLogN, proof.MaxLogN)
	}
	if len(m.Root) != sha256.Size {
		return nil, errorsmod.Wrapf(ErrInvalidCommit, "a root of %d bytes, expected %d", len(m.Root), sha256.Size)
	}
	if err := m.commitment().Validate(); err != nil {
		return nil, errorsmod.Wrap(ErrInvalidCommit, err.Error())
	}
	return node, nil
}

func (m MsgCommitProof) commitment() proof.Commitment {
	return proof.Commitment{LogN: uint8(m.Log2N), Rounds: m.Rounds, Root: proof.Digest(m.Root)}
}

// Validate checks what can be checked without the state.
func (m MsgRevealProof) Validate() (sdk.AccAddress, error) {
	node, err := nodeAddress(m.Node)
	if err != nil {
		return nil, err
	}
	if m.Window < 1 {
		return nil, errorsmod.Wrapf(ErrWindow, "no window has the height %d", m.Window)
	}
	if len(m.Proof) == 0 || len(m.Proof) > MaxProofBytes {
		return nil, errorsmod.Wrapf(ErrInvalidProof, "%d bytes, a proof has 1 to %d", len(m.Proof), MaxProofBytes)
	}
	return node, nil
}

// MaxProofBytes is more than any proof has.
var MaxProofBytes = proof.Size(proof.Commitment{LogN: proof.MaxLogN, Rounds: proof.MaxRounds}, MaxSamples)

// nodeAddress parses the address of a node: the proof binds its 20 bytes.
func nodeAddress(bech32 string) (sdk.AccAddress, error) {
	node, err := sdk.AccAddressFromBech32(bech32)
	if err != nil {
		return nil, errorsmod.Wrapf(ErrInvalidNode, "%q: %s", bech32, err)
	}
	if len(node) != 20 {
		return nil, errorsmod.Wrapf(ErrInvalidNode, "the address has %d bytes, a node's has 20", len(node))
	}
	return node, nil
}

// Commitment is what was committed to, as the verifier takes it.
func (c Commit) Commitment() proof.Commitment {
	return proof.Commitment{LogN: uint8(c.Log2N), Rounds: c.Rounds, Root: proof.Digest(c.Root)}
}

// Validate checks a stored commitment.
func (c Commit) Validate() error {
	if len(c.Node) != 20 || len(c.Root) != sha256.Size || c.Log2N > proof.MaxLogN || c.Window < 1 {
		return errorsmod.Wrapf(ErrInvalidGenesis, "commitment of node %X in window %d", c.Node, c.Window)
	}
	if err := c.Commitment().Validate(); err != nil {
		return errorsmod.Wrapf(ErrInvalidGenesis, "commitment of node %X: %s", c.Node, err)
	}
	if c.Outcome < OUTCOME_PENDING || c.Outcome > OUTCOME_WRONG || c.Power > MaxPower || c.Weight > c.Power {
		return errorsmod.Wrapf(ErrInvalidGenesis, "commitment of node %X: outcome %d, power %d, weight %d", c.Node, c.Outcome, c.Power, c.Weight)
	}
	return nil
}

// TaskWindow is what the matrices of a node in a window depend on.
func (w Window) TaskWindow(chainID string, node, pubkey []byte, logN uint32) (proof.Window, error) {
	if len(node) != 20 || len(pubkey) != 33 || len(w.Beacon) != sha256.Size || w.Height < 1 || logN > proof.MaxLogN {
		return proof.Window{}, fmt.Errorf("%w: node of %d, key of %d, beacon of %d bytes, height %d, n = 2^%d",
			ErrInvalidNode, len(node), len(pubkey), len(w.Beacon), w.Height, logN)
	}
	return proof.Window{
		ChainID: chainID, Height: uint64(w.Height), Beacon: [32]byte(w.Beacon),
		Node: [20]byte(node), PubKey: [33]byte(pubkey), Kind: proof.KindInt8, LogN: uint8(logN),
	}, nil
}
