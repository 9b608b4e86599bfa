package keeper

import (
	"context"
	"errors"

	"cosmossdk.io/collections"
	errorsmod "cosmossdk.io/errors"

	sdk "github.com/cosmos/cosmos-sdk/types"

	computetypes "github.com/edgematrix/emc/x/compute/types"
	"github.com/edgematrix/emc/x/poc/types"
)

// Admit says whether a commitment or a proof has a chance in the coming block.
// Nodes ask it before they pass one on, so that what has none takes no place in a
// block. It looks at everything but the work itself.
func (k *Keeper) Admit(ctx context.Context, msg sdk.Msg) error {
	var err error
	switch m := msg.(type) {
	case *types.MsgCommitProof:
		_, err = k.checkCommit(ctx, m)
	case *types.MsgRevealProof:
		_, _, _, err = k.checkReveal(ctx, m)
	}
	return err
}

// checkCommit is everything that a commitment has to fulfil.
func (k *Keeper) checkCommit(ctx context.Context, m *types.MsgCommitProof) (sdk.AccAddress, error) {
	addr, err := m.Validate()
	if err != nil {
		return nil, err
	}
	w, err := k.windowOf(ctx, m.Window)
	if err != nil {
		return nil, err
	}
	if w.Phase != types.PHASE_OPEN {
		return nil, errorsmod.Wrapf(types.ErrWindow, "window %d took commitments up to height %d", w.Height, w.ClosesAt)
	}
	params, err := k.Params.Get(ctx)
	if err != nil {
		return nil, err
	}
	if m.Rounds > params.MaxRounds {
		return nil, errorsmod.Wrapf(types.ErrInvalidCommit, "%d rounds, at most %d are taken: choose a larger n", m.Rounds, params.MaxRounds)
	}
	_, err = k.prover(ctx, addr)
	return addr, err
}

// prover is a node that may prove.
func (k *Keeper) prover(ctx context.Context, addr sdk.AccAddress) (computetypes.Node, error) {
	n, err := k.compute.Node(ctx, addr)
	switch {
	case errors.Is(err, computetypes.ErrNodeNotFound):
		return n, errorsmod.Wrapf(types.ErrInvalidNode, "%s is not registered; `emc-worker register` does it", addr)
	case err != nil:
		return n, err
	case n.Role != computetypes.ROLE_COMPUTING:
		return n, errorsmod.Wrapf(types.ErrInvalidNode, "%s is not a computing node", n.Address)
	case n.Jailed:
		return n, errorsmod.Wrapf(types.ErrInvalidNode, "%s is jailed; its operator can unjail it", n.Address)
	}
	return n, nil
}

// windowOf is the window under way, if it is the one that is meant.
func (k *Keeper) windowOf(ctx context.Context, height int64) (types.Window, error) {
	w, err := k.window(ctx)
	switch {
	case err != nil:
		return w, err
	case !w.Active():
		return w, errorsmod.Wrapf(types.ErrWindow, "no window is under way, the last opened at %d", w.Height)
	case w.Height != height:
		return w, errorsmod.Wrapf(types.ErrWindow, "the window under way opened at %d, not at %d", w.Height, height)
	}
	return w, nil
}

// commit writes a node's commitment in place of an earlier one.
func (k *Keeper) commit(ctx context.Context, addr sdk.AccAddress, m *types.MsgCommitProof) error {
	params, err := k.Params.Get(ctx)
	if err != nil {
		return err
	}
	record, err := k.record(ctx, addr)
	if err != nil {
		return err
	}
	number, err := k.number(ctx)
	if err != nil {
		return err
	}
	return k.Commits.Set(ctx, addr, types.Commit{
		Node: addr, Window: m.Window, Log2N: m.Log2N, Rounds: m.Rounds, Root: m.Root, Suspect: record.Suspect(number, params.PowerWindows),
	})
}

// record is what a node has proved.
func (k *Keeper) record(ctx context.Context, addr sdk.AccAddress) (types.Record, error) {
	r, err := k.Records.Get(ctx, addr)
	if errors.Is(err, collections.ErrNotFound) {
		return types.NewRecord(addr.String()), nil
	}
	return r, err
}
