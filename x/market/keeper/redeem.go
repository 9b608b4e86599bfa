package keeper

import (
	"bytes"
	"context"
	"errors"

	"cosmossdk.io/collections"
	errorsmod "cosmossdk.io/errors"
	storetypes "github.com/cosmos/cosmos-sdk/store/v2/types"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/x/market/types"
)

// signatureGas is what the SDK charges for one secp256k1 signature.
const signatureGas storetypes.Gas = 1_000

// deal is everything that one voucher is about.
type deal struct {
	voucher receipt.Voucher
	session types.Session
	router  *types.Sequencer // of the session; nil without one
	lane    types.Lane
	// addresses of the voucher.
	routerAddr, node sdk.AccAddress
}

// redeem settles one voucher. Nothing is written unless it returns no error.
func (k *Keeper) redeem(ctx context.Context, params types.Params, v types.Voucher) (types.Redemption, error) {
	parsed, err := v.Receipt()
	if err != nil {
		return types.Redemption{}, err
	}
	d, err := k.deal(ctx, parsed)
	if err != nil {
		return types.Redemption{}, err
	}
	if err := d.checkNew(); err != nil {
		return types.Redemption{}, err
	}
	if err := k.verify(ctx, d); err != nil {
		return types.Redemption{}, err
	}
	return k.payVoucher(ctx, params, d)
}

// deal loads what a voucher is about, and checks that the session still pays
// for such vouchers.
func (k *Keeper) deal(ctx context.Context, v receipt.Voucher) (*deal, error) {
	d := &deal{voucher: v, node: v.Node[:]}
	var err error
	if d.session, err = k.Session(ctx, v.Session.String()); err != nil {
		return nil, err
	}
	if err := d.session.CheckNode(v.Node.String()); err != nil {
		return nil, err
	}
	status := d.session.Status
	if v.Routed() {
		d.routerAddr = v.Router[:]
		if d.router = d.session.Router(v.Router.String()); d.router == nil {
			return nil, errorsmod.Wrapf(types.ErrInvalidRouter, "%s may not vouch for session %s", v.Router, v.Session)
		}
		// What is co-signed has to be redeemed while it is covered: later the same
		// money may go to others, and a router could not see its risk end.
		if status != types.SESSION_STATUS_OPEN && status != types.SESSION_STATUS_CLOSING {
			return nil, errorsmod.Wrapf(types.ErrWrongStatus, "the time to redeem co-signed vouchers of session %s is over", v.Session)
		}
	} else if status == types.SESSION_STATUS_SETTLED {
		return nil, errorsmod.Wrapf(types.ErrWrongStatus, "session %s is settled", v.Session)
	}
	d.lane, err = k.Lanes.Get(ctx, d.key())
	if errors.Is(err, collections.ErrNotFound) {
		root := receipt.EmptyRoot()
		d.lane, err = types.Lane{Session: v.Session.String(), Router: v.Router.String(), Node: v.Node.String(), Root: root[:]}, nil
	}
	return d, err
}

func (d *deal) key() laneKey { return collections.Join3(d.session.Id, d.routerAddr, d.node) }

// checkNew refuses a voucher that adds nothing to what is settled. Replays end
// here, before any signature is verified.
func (d *deal) checkNew() error {
	v, l := d.voucher, d.lane
	switch {
	case v.Amount <= l.Amount:
		return errorsmod.Wrapf(types.ErrStale, "%d%s of this lane are paid, the voucher is over %d", l.Amount, types.Denom, v.Amount)
	case v.Count < l.Count:
		return errorsmod.Wrapf(types.ErrStale, "%d receipts of this lane are settled, the voucher is over %d", l.Count, v.Count)
	case v.Count == l.Count && !bytes.Equal(v.Root[:], l.Root):
		return errorsmod.Wrapf(types.ErrInvalidVoucher, "another tree of %d receipts is settled", l.Count)
	}
	return nil
}

// verify checks both signatures.
func (k *Keeper) verify(ctx context.Context, d *deal) error {
	now, err := k.now(ctx)
	if err != nil {
		return err
	}
	raw, err := d.session.KeyAt(d.voucher.KeyID, now, d.router != nil)
	if err != nil {
		return errorsmod.Wrap(types.ErrInvalidKey, err.Error())
	}
	chain := sdk.UnwrapSDKContext(ctx)
	chain.GasMeter().ConsumeGas(signatureGas, "session key's signature")
	key, err := receipt.ParsePublicKey(raw)
	if err != nil {
		return errorsmod.Wrap(types.ErrInvalidKey, err.Error())
	}
	if err := d.voucher.VerifyKey(chain.ChainID(), key); err != nil {
		return errorsmod.Wrap(types.ErrSignature, err.Error())
	}
	if d.router == nil {
		return nil
	}
	chain.GasMeter().ConsumeGas(signatureGas, "router's signature")
	if key, err = receipt.ParsePublicKey(d.router.Pubkey); err != nil {
		return errorsmod.Wrap(types.ErrInvalidKey, err.Error())
	}
	if err := d.voucher.VerifyRouter(chain.ChainID(), key); err != nil {
		return errorsmod.Wrap(types.ErrSignature, err.Error())
	}
	return nil
}

// payVoucher pays what a voucher adds to its lane: from the session as far as
// its allotment (or what is free) goes, and what a router vouched for beyond it
// from that router's cover.
func (k *Keeper) payVoucher(ctx context.Context, params types.Params, d *deal) (types.Redemption, error) {
	due := d.voucher.Amount - d.lane.Amount
	payee, err := k.payee(ctx, d.node)
	if err != nil {
		return types.Redemption{}, err
	}
	fromSession := min(due, d.available())
	parts, err := k.payFromSession(ctx, params, d, payee, fromSession)
	if err != nil {
		return types.Redemption{}, err
	}
	fromCover := uint64(0)
	if over := due - fromSession; over > 0 && d.router != nil {
		if fromCover, err = k.payOverIssue(ctx, params, d, payee, over); err != nil {
			return types.Redemption{}, err
		}
	}
	paid := fromSession + fromCover
	if paid == 0 && d.router == nil {
		return types.Redemption{}, errorsmod.Wrapf(types.ErrNothingLeft, "session %s has nothing free for vouchers without a router", d.session.Id)
	}
	d.lane.Amount += paid
	d.lane.FromCover += fromCover
	d.lane.Count, d.lane.Root = d.voucher.Count, d.voucher.Root[:]
	if err := k.Lanes.Set(ctx, d.key(), d.lane); err != nil {
		return types.Redemption{}, err
	}
	if err := k.setSession(ctx, d.session, d.session.Deadline); err != nil {
		return types.Redemption{}, err
	}
	return types.Redemption{Paid: paid, FromCover: fromCover, Unpaid: due - paid}, emit(ctx, &types.EventVoucherRedeemed{
		Session: d.session.Id, Router: d.lane.Router, Node: d.lane.Node, To: payee.String(),
		Amount: d.lane.Amount, Count: d.lane.Count, Root: d.lane.Root, Paid: paid,
		NodePart: parts.Node + fromCover, ProtocolPart: parts.Protocol, RouterPart: parts.Router, FromCover: fromCover,
	})
}

// available is what the session can pay for the lane. Amounts of a session fit
// 63 bits.
func (d *deal) available() uint64 {
	if d.router == nil {
		return d.session.Free().Uint64()
	}
	return d.router.Allotment.Sub(d.router.Redeemed).Uint64()
}

// payFromSession pays an amount out of the session's escrow, in shares.
func (k *Keeper) payFromSession(ctx context.Context, params types.Params, d *deal, payee sdk.AccAddress, amount uint64) (types.Parts, error) {
	if amount == 0 {
		return types.Parts{}, nil
	}
	parts := d.lane.Split(params, amount)
	escrow := types.SessionEscrow(d.session.Id)
	if err := k.pay(ctx, escrow, payee, uint64Int(parts.Node)); err != nil {
		return parts, err
	}
	// The shares wait in the escrow: were they paid now, every redemption would
	// write the balances of the fee collector and of a busy router.
	d.session.Fees = d.session.Fees.Add(uint64Int(parts.Protocol))
	if d.router == nil {
		d.session.Direct = d.session.Direct.Add(uint64Int(amount))
		return parts, nil
	}
	d.router.Redeemed = d.router.Redeemed.Add(uint64Int(amount))
	d.router.Earned = d.router.Earned.Add(uint64Int(parts.Router))
	return parts, nil
}

// payOverIssue pays what a router vouched for beyond its allotment from its
// cover for the node, and jails it. No share is taken: the node gets in full
// what it was promised. The router is judged once for each higher amount: a
// voucher that is sent again must not jail him for ever.
func (k *Keeper) payOverIssue(ctx context.Context, params types.Params, d *deal, payee sdk.AccAddress, over uint64) (uint64, error) {
	paid, err := k.seize(ctx, d.routerAddr, d.node, payee, uint64Int(over))
	if err != nil {
		return 0, err
	}
	fromCover := paid.Uint64()
	if d.voucher.Amount <= d.lane.OverIssued {
		if fromCover == 0 {
			return 0, errorsmod.Wrapf(types.ErrNothingLeft, "neither the allotment nor the cover of router %s holds anything", d.voucher.Router)
		}
		return fromCover, nil
	}
	d.lane.OverIssued = d.voucher.Amount
	if err := k.jailRouter(ctx, params, d); err != nil {
		return 0, err
	}
	if err := k.hooks.AfterOverIssue(ctx, d.lane.Router, d.lane.Node, over); err != nil {
		return 0, err
	}
	return fromCover, emit(ctx, &types.EventOverIssue{Session: d.session.Id, Router: d.lane.Router, Node: d.lane.Node, By: over, FromCover: fromCover})
}
