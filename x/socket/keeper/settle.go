package keeper

import (
	"context"

	"github.com/edgematrix/emc/x/socket/types"
)

// settle ends a socket whose money is in its escrow: the holder gets back what the
// chain's own evidence gives him, the minter the rest. The promise is released, the
// NFT goes back to the holder, and stays until the retention is over. was is what
// is stored.
func (k *Keeper) settle(ctx context.Context, was, s types.Socket, reason string) (types.Socket, error) {
	params, err := k.Params.Get(ctx)
	if err != nil {
		return s, err
	}
	now, err := k.now(ctx)
	if err != nil {
		return s, err
	}
	if was.Deadline > 0 { // its end was not noted before
		if s.Outage, err = k.outage(ctx, s); err != nil {
			return s, err
		}
	}
	holder := k.owner(ctx, s)
	minter, err := types.Address("minter", s.Minter)
	if err != nil {
		return s, err
	}
	s.Refunded = s.Refund(s.Outage)
	s.Paid = s.Unused().Sub(s.Refunded)
	if err := k.purse.Pay(ctx, escrowOf(s), holder, s.Refunded); err != nil {
		return s, err
	}
	if err := k.purse.Pay(ctx, escrowOf(s), minter, s.Paid); err != nil {
		return s, err
	}
	if err := k.purse.Sweep(ctx, escrowOf(s)); err != nil {
		return s, err
	}
	if err := k.release(ctx, s); err != nil {
		return s, err
	}
	s = delisted(s)
	if s.Holder != "" {
		if err := k.give(ctx, &s, holder); err != nil {
			return s, err
		}
	}
	s.Status, s.Session, s.Reason = types.SOCKET_STATUS_SETTLED, "", reason
	s.SettledAt, s.Deadline = blockTime(ctx), now+int64(params.RetentionSeconds)
	if err := k.setSocket(ctx, &was, s); err != nil {
		return s, err
	}
	return s, emit(ctx, &types.EventSocketSettled{
		Socket: s.Id, Holder: holder.String(), Minter: s.Minter, Refunded: types.Uemc(s.Refunded).String(), Paid: types.Uemc(s.Paid).String(),
		Outage: s.Outage, Reason: reason,
	})
}

// expire is what happens at the end of a socket's time. Its promise ends at once;
// the money comes when its session is settled.
func (k *Keeper) expire(ctx context.Context, s types.Socket) error {
	if !s.InSession() {
		_, err := k.settle(ctx, s, s, "its time is over")
		return err
	}
	next := s
	var err error
	if next.Outage, err = k.outage(ctx, s); err != nil { // later outages are not this socket's
		return err
	}
	next.Deadline = 0 // the session ends by itself, and then the socket
	if err := k.release(ctx, s); err != nil {
		return err
	}
	if s.Status == types.SOCKET_STATUS_PLUGGED {
		return k.unplug(ctx, s, next, "the socket's time is over")
	}
	return k.setSocket(ctx, &s, next)
}

// forget removes a settled socket, and burns its NFT. One whose jobs still hold
// money stays until they have given it back.
func (k *Keeper) forget(ctx context.Context, s types.Socket) error {
	if s.Held.IsPositive() {
		params, err := k.Params.Get(ctx)
		if err != nil {
			return err
		}
		next := s
		next.Deadline += int64(params.RetentionSeconds)
		return k.setSocket(ctx, &s, next)
	}
	node, err := types.Address("node", s.Node)
	if err != nil {
		return err
	}
	if err := k.nft.Burn(ctx, types.ClassID(s.Minter), s.Id); err != nil {
		return err
	}
	return k.remove(ctx, node, s)
}
