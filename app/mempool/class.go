package mempool

import (
	"slices"

	storetypes "github.com/cosmos/cosmos-sdk/store/v2/types"
	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/tx/signing"
	authsigning "github.com/cosmos/cosmos-sdk/x/auth/signing"

	computetypes "github.com/edgematrix/emc/x/compute/types"
	poctypes "github.com/edgematrix/emc/x/poc/types"
)

// Class is how urgent a transaction is; the lower, the more.
type Class int

const (
	// Proof transactions hold nothing but commitments and proofs of a node's
	// computing. A window is a few blocks long, and who misses it earns nothing.
	Proof Class = iota
	// Work transactions hold nothing but a node's own messages: about its jobs,
	// whose deadlines run, and that it is online.
	Work
	// Ordinary transactions are all others.
	Ordinary

	classes
)

// classify looks at the messages, their one signer, and whether he is a node:
// anybody can write a node's message, and flood the chain with it, too.
func (p *Pool) classify(ctx sdk.Context, tx sdk.Tx) entry {
	e := entry{class: Ordinary, size: len(ctx.TxBytes()), seen: ctx.BlockHeight()}
	class := classOf(tx.GetMsgs())
	if class == Ordinary {
		return e
	}
	signed, ok := tx.(authsigning.SigVerifiableTx)
	if !ok {
		return e
	}
	if t, ok := tx.(sdk.TxWithUnordered); ok && t.GetUnordered() {
		return e
	}
	signers, err := signed.GetSigners()
	if err != nil || len(signers) != 1 {
		return e
	}
	signatures, err := signed.GetSignaturesV2()
	if err != nil || len(signatures) != 1 {
		return e
	}
	if _, ok := signatures[0].Data.(*signing.SingleSignatureData); !ok {
		return e
	}
	if !p.isNode(ctx.WithGasMeter(storetypes.NewInfiniteGasMeter()), signers[0]) {
		return e
	}
	e.class, e.Raw = class, ctx.TxBytes()
	e.Signer, e.Sequence = string(signers[0]), signatures[0].Sequence
	return e
}

// demote makes an urgent transaction an ordinary one if its signer has as many
// waiting as he may: they would take what is there for the others.
func (p *Pool) demote(e *entry) {
	if e.class < Ordinary && p.slots[slot{e.Signer, e.class}] >= perSigner {
		e.class, e.Raw = Ordinary, nil
	}
}

func classOf(msgs []sdk.Msg) Class {
	if len(msgs) == 0 {
		return Ordinary
	}
	class := Proof
	for _, m := range msgs {
		if IsProof(m) {
			continue
		}
		if !slices.Contains(work, sdk.MsgTypeURL(m)) {
			return Ordinary
		}
		class = Work
	}
	return class
}

// IsProof tells whether a message commits to computing or proves it.
func IsProof(m sdk.Msg) bool {
	switch m.(type) {
	case *poctypes.MsgCommitProof, *poctypes.MsgRevealProof:
		return true
	}
	return false
}

// work is what a node's own key may send at its operator's expense.
var work = computetypes.WorkerMessages()

// gasOf is what a transaction takes of a block's gas: what it says. Wanted is
// what the checks say, which is the same.
func gasOf(tx sdk.Tx, wanted uint64) uint64 {
	if t, ok := tx.(sdk.FeeTx); ok {
		return t.GetGas()
	}
	return wanted
}
