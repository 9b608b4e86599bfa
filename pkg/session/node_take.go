package session

import (
	"context"
	"errors"

	"github.com/edgematrix/emc/pkg/receipt"
)

func isCredit(err error) bool { return errors.Is(err, ErrCredit) }

// Take takes a voucher. It is durable when Take returns, and calls that wait for it go on. ErrStale means that a better
// one is known, which harms nobody; ErrCover that the router's vouchers have to be redeemed first.
func (n *Node) Take(ctx context.Context, v receipt.Voucher) error {
	if v.Node != n.cfg.Public.Address() {
		return wrap(ErrLane, "a voucher for node %s; this is %s", v.Node, n.cfg.Public.Address())
	}
	info, most, err := n.worth(ctx, v)
	if err != nil {
		return err
	}
	t := n.tray(v.Lane)
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.better(v); err != nil || v == t.till.best {
		return err
	}
	if err := v.VerifyKey(n.cfg.ChainID, info.Key); err != nil {
		return err
	}
	if router, ok := info.Router(v.Router); ok {
		if err := v.VerifyRouter(n.cfg.ChainID, router.Key); err != nil {
			return err
		}
	}
	next := t.till
	next.best = v
	if next.since == 0 && next.due() > 0 {
		next.since = uint64(n.cfg.Now().UnixMilli())
	}
	more := next.due() - t.till.due()
	if err := n.reserve(v.Router, more, most); err != nil {
		return err
	}
	return t.write(next)
}

// worth is what backs a lane's vouchers: the router's cover, or what is free in the deposit.
func (n *Node) worth(ctx context.Context, v receipt.Voucher) (Info, uint64, error) {
	info, err := n.cfg.Chain.Session(ctx, v.Session)
	if err == nil {
		err = info.allows(v.Node)
	}
	switch {
	case err != nil:
		return info, 0, err
	case !info.Pays:
		return info, 0, wrap(ErrSession, "session %s is settled", v.Session)
	case v.KeyID != info.KeyID:
		return info, 0, wrap(ErrKey, "the session's key is number %d, got %d", info.KeyID, v.KeyID)
	case !v.Routed() && !n.cfg.Direct:
		return info, 0, wrap(ErrLane, "this node takes no vouchers without a router")
	case !v.Routed():
		return info, info.Free, nil
	}
	if _, bound := info.Router(v.Router); !bound {
		return info, 0, wrap(ErrLane, "router %s may not vouch for session %s", v.Router, v.Session)
	}
	cover, err := n.cfg.Chain.Cover(ctx, v.Router, v.Node)
	return info, cover, err
}

// better refuses a voucher that is no progress, or over a tree that is not ours.
func (t *tray) better(v receipt.Voucher) error {
	best := t.till.best
	switch {
	case t.broken != nil:
		return t.broken
	case v.Count > t.till.tree.Count():
		return wrap(ErrRoot, "it is over %d receipts, this node signed %d", v.Count, t.till.tree.Count())
	case v.Amount < best.Amount || v.Count < best.Count:
		return wrap(ErrStale, "%d uemc over %d receipts; known: %d over %d", v.Amount, v.Count, best.Amount, best.Count)
	}
	root, err := t.rootAt(v.Count)
	if err != nil {
		return err
	}
	if root != v.Root {
		return wrap(ErrRoot, "its root of %d receipts is %s, ours %s", v.Count, v.Root, root)
	}
	return nil
}

// rootAt is the root of the first count receipts.
func (t *tray) rootAt(count uint64) (receipt.Digest, error) {
	switch count {
	case 0:
		return receipt.EmptyRoot(), nil
	case t.till.tree.Count():
		return t.till.tree.Root(), nil
	}
	data, err := t.node.cfg.Store.Get(laneKey(kindSigned, t.id, count-1))
	if err != nil {
		return receipt.Digest{}, ledgerError(err)
	}
	root, _, err := decodeSigned(data)
	return root, ledgerError(err)
}

// reserve counts a voucher against what backs it, over all sessions of a router. Vouchers without a router are backed by
// their own session alone, and best effort.
func (n *Node) reserve(router receipt.Address, more, most uint64) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	used := n.unpaid[router]
	if router.IsZero() {
		used = 0
	}
	if more > 0 && (more > most || used > most-more) {
		return wrap(ErrCover, "router %s covers %d uemc, %d are not redeemed yet, %d more came", router, most, used, more)
	}
	n.unpaid[router] += more
	return nil
}
