package keeper

import (
	"context"
	"encoding/json"
	"errors"

	"cosmossdk.io/collections"
	errorsmod "cosmossdk.io/errors"
	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/proof"
	"github.com/edgematrix/emc/x/poc/types"
)

// checkReveal is everything that a proof has to fulfil but to be right.
func (k *Keeper) checkReveal(ctx context.Context, m *types.MsgRevealProof) (sdk.AccAddress, types.Window, types.Commit, error) {
	fail := func(err error) (sdk.AccAddress, types.Window, types.Commit, error) {
		return nil, types.Window{}, types.Commit{}, err
	}
	addr, err := m.Validate()
	if err != nil {
		return fail(err)
	}
	w, err := k.windowOf(ctx, m.Window)
	if err != nil {
		return fail(err)
	}
	if w.Phase != types.PHASE_REVEAL {
		return fail(errorsmod.Wrapf(types.ErrWindow, "window %d is in %s; proofs are taken in %s", w.Height, w.Phase, types.PHASE_REVEAL))
	}
	c, err := k.Commits.Get(ctx, addr)
	if errors.Is(err, collections.ErrNotFound) {
		return fail(errorsmod.Wrapf(types.ErrNotDrawn, "%s has not committed to anything in window %d", m.Node, w.Height))
	}
	if err != nil {
		return fail(err)
	}
	if !w.Drawn(c) {
		return fail(errorsmod.Wrapf(types.ErrNotDrawn, "%s does not have to reveal in window %d", m.Node, w.Height))
	}
	if c.Outcome != types.OUTCOME_PENDING {
		return fail(errorsmod.Wrapf(types.ErrWindow, "%s has revealed in window %d: %s", m.Node, w.Height, c.Outcome))
	}
	if want := proof.Size(c.Commitment(), w.SamplesOf(c)); len(m.Proof) != want {
		return fail(errorsmod.Wrapf(types.ErrInvalidProof, "%d bytes, expected %d: %d openings of %d", len(m.Proof), want, w.SamplesOf(c), proof.OpeningSize(c.Commitment())))
	}
	return addr, w, c, nil
}

// verify checks a proof, at a price that follows the work. Wrong is nil for a
// right one.
func (k *Keeper) verify(ctx context.Context, addr sdk.AccAddress, w types.Window, c types.Commit, openings []byte) (wrong, err error) {
	params, err := k.Params.Get(ctx)
	if err != nil {
		return nil, err
	}
	n, err := k.prover(ctx, addr)
	if err != nil {
		return nil, err
	}
	sdkCtx := sdk.UnwrapSDKContext(ctx)
	samples := w.SamplesOf(c)
	sdkCtx.GasMeter().ConsumeGas(params.VerifyGas*uint64(samples)<<c.Log2N>>proof.MinLogN, "verify a proof of computing")
	task, err := w.TaskWindow(sdkCtx.ChainID(), addr, n.Pubkey, c.Log2N)
	if err != nil {
		return nil, err
	}
	err = proof.Verify(task, c.Commitment(), [32]byte(w.Draw), samples, openings)
	if errors.Is(err, proof.ErrPath) || errors.Is(err, proof.ErrLeaf) {
		return err, nil
	}
	return nil, err
}

// evidence is what is kept of a wrong proof: enough to check the beacon, the
// commitment and the draw again; the proof itself is in the block.
type evidence struct {
	Window int64  `json:"window"`
	Log2N  uint32 `json:"log2_n"`
	Rounds uint64 `json:"rounds"`
	Root   []byte `json:"root"`
	Draw   []byte `json:"draw"`
	Reason string `json:"reason"`
}

// maxReason bounds what of a verifier's words is kept.
const maxReason = 256

// punish takes from a node that showed a wrong proof its power, its place and a
// part of what it has at stake: the more, the less likely it was to be looked at.
func (k *Keeper) punish(ctx context.Context, addr sdk.AccAddress, w types.Window, c types.Commit, reason string) (math.Int, error) {
	params, err := k.Params.Get(ctx)
	if err != nil {
		return math.Int{}, err
	}
	reason = reason[:min(len(reason), maxReason)]
	slashed := math.ZeroInt()
	atRisk, err := k.compute.AtRisk(ctx, addr)
	if err != nil {
		return slashed, err
	}
	if amount := types.Penalty(atRisk, params.SlashBps, w.Threshold(c)); amount.IsPositive() {
		proofOf, err := json.Marshal(evidence{Window: w.Height, Log2N: c.Log2N, Rounds: c.Rounds, Root: c.Root, Draw: w.Draw, Reason: reason})
		if err != nil {
			return slashed, err
		}
		if slashed, err = k.compute.Slash(ctx, addr, amount, "a wrong proof of computing", proofOf); err != nil {
			return slashed, err
		}
	}
	until := sdk.UnwrapSDKContext(ctx).BlockTime().Unix() + int64(params.WrongJailSeconds)
	if err := k.compute.Jail(ctx, addr, until, "a wrong proof of computing"); err != nil {
		return slashed, err
	}
	c.Outcome, c.Power = types.OUTCOME_WRONG, 0
	if err := k.Commits.Set(ctx, addr, c); err != nil {
		return slashed, err
	}
	// What it proved before is not believed any more.
	r, err := k.record(ctx, addr)
	if err != nil {
		return slashed, err
	}
	r.Scores, r.Proven = nil, 0
	r.SuspectUntil = w.Number + uint64(params.PowerWindows) + 1
	if err := k.setPower(ctx, addr, &r, w.Number, params.PowerWindows); err != nil {
		return slashed, err
	}
	return slashed, emit(ctx, &types.EventProofWrong{Node: addr.String(), Window: w.Height, Reason: reason, Slashed: slashed.String()})
}
