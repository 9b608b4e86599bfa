package keeper

import (
	"context"
	"errors"

	"cosmossdk.io/collections"
	errorsmod "cosmossdk.io/errors"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/x/internal/isolate"
	"github.com/edgematrix/emc/x/market/types"
)

// RedeemVouchers implements types.MsgServer. Each voucher is settled in a cache
// of its own: one that is bad fails itself alone, and its error is the answer.
func (s msgServer) RedeemVouchers(ctx context.Context, m *types.MsgRedeemVouchers) (*types.MsgRedeemVouchersResponse, error) {
	params, err := s.Params.Get(ctx)
	if err != nil {
		return nil, err
	}
	if err := m.Validate(params); err != nil {
		return nil, err
	}
	out := &types.MsgRedeemVouchersResponse{Redemptions: make([]types.Redemption, len(m.Vouchers))}
	for i, v := range m.Vouchers {
		err := isolate.Run(ctx, func(ctx context.Context) (err error) {
			out.Redemptions[i], err = s.redeem(ctx, params, v)
			return err
		})
		if err != nil {
			out.Redemptions[i] = refusal(v, err)
		}
	}
	return out, nil
}

// refusal is the answer to a voucher that was not settled.
func refusal(v types.Voucher, err error) types.Redemption {
	space, code, words := errorsmod.ABCIInfo(err, false)
	return types.Redemption{Unpaid: v.Amount, Code: code, Codespace: space, Error: words}
}

// RecordReceipt implements types.MsgServer.
func (s msgServer) RecordReceipt(ctx context.Context, m *types.MsgRecordReceipt) (*types.MsgRecordReceiptResponse, error) {
	sender, err := types.Address("sender", m.Sender, types.ErrInvalidReceipt)
	if err != nil {
		return nil, err
	}
	r, path, err := m.Validate()
	if err != nil {
		return nil, err
	}
	session, err := s.Session(ctx, r.Request.Session.String())
	if err != nil {
		return nil, err
	}
	evidence := types.Evidence{
		Session: session.Id, Router: r.Request.Router.String(), Node: r.Request.Node.String(), Sequence: r.Sequence, Receipt: m.Receipt,
		RecordedAt: blockTime(ctx), RecordedBy: m.Sender,
	}
	key := collections.Join4(session.Id, sdk.AccAddress(routerBytes(r.Request.Lane)), sdk.AccAddress(r.Request.Node[:]), r.Sequence)
	if known, err := s.Evidence.Has(ctx, key); err != nil {
		return nil, err
	} else if known {
		return nil, errorsmod.Wrapf(types.ErrRecorded, "receipt %d of this lane", r.Sequence)
	}
	if err := s.verifyReceipt(ctx, m, session, r, path); err != nil {
		return nil, err
	}
	params, err := s.Params.Get(ctx)
	if err != nil {
		return nil, err
	}
	if params.ReceiptFee.IsPositive() {
		if err := s.pool.FundCommunityPool(ctx, sdk.NewCoins(params.ReceiptFee), sender); err != nil {
			return nil, errorsmod.Wrapf(err, "fee of %s for the record", params.ReceiptFee)
		}
	}
	if err := s.Evidence.Set(ctx, key, evidence); err != nil {
		return nil, err
	}
	if err := s.hooks.AfterReceiptRecorded(ctx, evidence); err != nil {
		return nil, err
	}
	return &types.MsgRecordReceiptResponse{},
		emit(ctx, &types.EventReceiptRecorded{Session: evidence.Session, Router: evidence.Router, Node: evidence.Node, Sequence: evidence.Sequence})
}

// verifyReceipt checks that a receipt is settled and signed by both sides. The
// session's key may have been replaced since: it signed the request all the same.
func (s msgServer) verifyReceipt(ctx context.Context, m *types.MsgRecordReceipt, session types.Session, r receipt.Receipt, path receipt.Path) error {
	lane, err := s.Lanes.Get(ctx, collections.Join3(session.Id, sdk.AccAddress(routerBytes(r.Request.Lane)), sdk.AccAddress(r.Request.Node[:])))
	if errors.Is(err, collections.ErrNotFound) {
		return errorsmod.Wrapf(types.ErrNotSettled, "nothing is settled between session %s and node %s through router %q", session.Id, r.Request.Node, r.Request.Router)
	}
	if err != nil {
		return err
	}
	if err := receipt.VerifyPath(receipt.Digest(lane.Root), lane.Count, r.Sequence, m.Receipt, path); err != nil {
		return errorsmod.Wrap(types.ErrNotSettled, err.Error())
	}
	raw := session.AnyKey(r.Request.KeyID)
	if raw == nil {
		return errorsmod.Wrapf(types.ErrInvalidKey, "session %s never had a key %d", session.Id, r.Request.KeyID)
	}
	chain := sdk.UnwrapSDKContext(ctx)
	chain.GasMeter().ConsumeGas(2*signatureGas, "receipt's signatures")
	sessionKey, err := receipt.ParsePublicKey(raw)
	if err != nil {
		return errorsmod.Wrap(types.ErrInvalidKey, err.Error())
	}
	nodeKey, err := receipt.ParsePublicKey(m.NodeKey)
	if err != nil {
		return errorsmod.Wrap(types.ErrInvalidKey, err.Error())
	}
	if err := r.Verify(chain.ChainID(), sessionKey, nodeKey); err != nil {
		return errorsmod.Wrap(types.ErrSignature, err.Error())
	}
	return nil
}

// routerBytes is a lane's router as a part of a key: empty without one.
func routerBytes(l receipt.Lane) []byte {
	if !l.Routed() {
		return nil
	}
	return l.Router[:]
}
