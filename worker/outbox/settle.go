package outbox

import (
	"context"
	"errors"
	"fmt"

	sdkerrors "github.com/cosmos/cosmos-sdk/types/errors"

	"github.com/edgematrix/emc/pkg/chainclient"
)

const (
	// rebroadcastBlocks is how often the same bytes are sent again.
	rebroadcastBlocks = 3
	// indexBlocks is how long a node may take to index a block.
	indexBlocks = 20
	maxBoost    = 4
	// restartBlocks tells a chain that was started anew (a local network) from a
	// node that lags. Even then nothing can count twice: what is signed next has
	// the same account sequence.
	restartBlocks = 100
)

// settle finds out what became of the flight. Landed is set when nothing is in
// flight any more.
func (o *Outbox) settle(ctx context.Context, f Flight) (landed bool, err error) {
	in, err := o.cfg.Chain.Lookup(ctx, f.Hash)
	switch {
	case err == nil:
		return true, o.included(f, in)
	case !errors.Is(err, chainclient.ErrNotFound) && !errors.Is(err, chainclient.ErrNoIndex):
		return false, err
	}
	head, err := o.cfg.Chain.Head(ctx)
	if err != nil {
		return false, err
	}
	account, err := o.cfg.Chain.Account(ctx, o.self)
	if err != nil && !errors.Is(err, chainclient.ErrNotFound) {
		return false, err
	}
	switch {
	case account.Sequence > f.Sequence:
		// A block holds it, since nobody else has the key; only its result is
		// not to be had yet. What it did is in the chain's state: without the
		// index, the messages are compared with that again.
		if head.Height <= f.TimeoutHeight+indexBlocks && !noIndex(ctx, o.cfg.Chain, f.Hash) {
			return false, nil
		}
		return true, o.cfg.Spool.Release(f.Hash)
	case f.TimeoutHeight > head.Height+timeoutBlocks+restartBlocks:
		o.cfg.Logger.Warn("the chain is far below a transaction's last block: it was started anew, and the transaction with it", "hash", f.Hash, "messages", f.Keys)
		return true, o.cfg.Spool.Release(f.Hash)
	case head.Height > f.TimeoutHeight:
		o.cfg.Logger.Warn("a transaction missed its last block and is signed anew", "hash", f.Hash, "messages", f.Keys)
		return true, o.cfg.Spool.Release(f.Hash)
	}
	if o.seen == 0 || head.Height >= o.seen+rebroadcastBlocks {
		if o.seen == 0 {
			o.sent = true // by the process before this one, perhaps
		}
		o.seen = max(head.Height, 1)
		if err := o.broadcast(ctx, f); err != nil {
			return false, fmt.Errorf("transaction %s is in no block yet: %w", f.Hash, err)
		}
	}
	return false, nil
}

func noIndex(ctx context.Context, chain Chain, hash string) bool {
	_, err := chain.Lookup(ctx, hash)
	return errors.Is(err, chainclient.ErrNoIndex)
}

func (o *Outbox) included(f Flight, in chainclient.Included) error {
	if in.Failure != nil {
		// Nothing of it took effect but the fee. The next simulation finds the
		// message at fault.
		if errors.Is(in.Failure, sdkerrors.ErrOutOfGas) {
			o.boost = min(2*o.boost, maxBoost)
		}
		o.cfg.Logger.Warn("a transaction failed in its block", "hash", in.Hash, "height", in.Height, "messages", f.Keys, "error", in.Failure)
		for _, key := range f.Keys {
			o.pause(key) // each failure costs a fee
		}
		return o.cfg.Spool.Release(f.Hash)
	}
	o.boost = 1
	for _, key := range f.Keys {
		delete(o.pauses, key)
	}
	o.cfg.Logger.Info("in a block", "messages", f.Keys, "height", in.Height, "hash", in.Hash)
	if err := o.cfg.Spool.Done(f.Keys, Outcome{Hash: in.Hash, Height: in.Height}); err != nil {
		return err
	}
	if o.cfg.Sent != nil {
		o.cfg.Sent(in)
	}
	return nil
}
