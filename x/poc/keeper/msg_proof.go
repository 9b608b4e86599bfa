package keeper

import (
	"context"
	"errors"

	"cosmossdk.io/collections"
	errorsmod "cosmossdk.io/errors"
	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/x/poc/types"
)

// CommitProof implements types.MsgServer.
func (k msgServer) CommitProof(ctx context.Context, m *types.MsgCommitProof) (*types.MsgCommitProofResponse, error) {
	addr, err := k.checkCommit(ctx, m)
	if err != nil {
		return nil, err
	}
	if sdk.UnwrapSDKContext(ctx).BlockHeight() <= m.Window {
		return nil, errorsmod.Wrapf(types.ErrWindow, "window %d takes commitments from height %d on: in the block that opens it nobody can have computed", m.Window, m.Window+1)
	}
	if err := k.commit(ctx, addr, m); err != nil {
		return nil, err
	}
	return &types.MsgCommitProofResponse{}, emit(ctx, &types.EventProofCommitted{Node: m.Node, Window: m.Window, Rounds: m.Rounds})
}

// RevealProof implements types.MsgServer. A wrong proof is no error: the
// transaction has to succeed, or its punishment would be undone with it.
func (k msgServer) RevealProof(ctx context.Context, m *types.MsgRevealProof) (*types.MsgRevealProofResponse, error) {
	addr, w, c, err := k.checkReveal(ctx, m)
	if err != nil {
		return nil, err
	}
	wrong, err := k.verify(ctx, addr, w, c, m.Proof)
	if err != nil {
		return nil, err
	}
	if wrong != nil {
		slashed, err := k.punish(ctx, addr, w, c, wrong.Error())
		return &types.MsgRevealProofResponse{Slashed: slashed}, err
	}
	c.Outcome, c.Power = types.OUTCOME_PROVED, w.Claim(c)
	if err := k.Commits.Set(ctx, addr, c); err != nil {
		return nil, err
	}
	return &types.MsgRevealProofResponse{Right: true, Power: c.Power, Slashed: math.ZeroInt()},
		emit(ctx, &types.EventProofRevealed{Node: m.Node, Window: w.Height, Power: c.Power})
}

// ClaimRewards implements types.MsgServer.
func (k msgServer) ClaimRewards(ctx context.Context, m *types.MsgClaimRewards) (*types.MsgClaimRewardsResponse, error) {
	operator, err := sdk.AccAddressFromBech32(m.Operator)
	if err != nil {
		return nil, errorsmod.Wrapf(types.ErrNoRewards, "operator %q: %s", m.Operator, err)
	}
	reward, err := k.Rewards.Get(ctx, operator)
	if err != nil && !errors.Is(err, collections.ErrNotFound) {
		return nil, err
	}
	if err != nil || !reward.Claimable.IsPositive() {
		return nil, errorsmod.Wrapf(types.ErrNoRewards, "%s: rewards come with each window that a staked node of yours proves", m.Operator)
	}
	amount := reward.Claimable
	reward.Claimed = reward.Claimed.Add(amount)
	reward.Claimable = types.Uemc(math.ZeroInt())
	if err := k.bank.SendCoinsFromModuleToAccount(ctx, types.ModuleName, operator, sdk.NewCoins(amount)); err != nil {
		return nil, err
	}
	if err := k.Rewards.Set(ctx, operator, reward); err != nil {
		return nil, err
	}
	return &types.MsgClaimRewardsResponse{Amount: amount}, emit(ctx, &types.EventRewardsClaimed{Operator: m.Operator, Amount: amount.String()})
}
