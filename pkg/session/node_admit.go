package session

import (
	"context"
	"errors"
	"time"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session/ledger"
)

// Admit takes a request, or says why not. A request is served once; its nonce is on its way to the disk when Admit returns.
// A node that is killed before it is there has forgotten the call, and loses what it delivered, which is never more than
// Unwritten.
func (n *Node) Admit(ctx context.Context, r receipt.Request) (*NodeCall, error) {
	if r.App == ResumeApp {
		return nil, wrap(ErrPrice, "%s is no app", ResumeApp)
	}
	info, err := n.verify(ctx, r)
	if err != nil {
		return nil, err
	}
	now := n.cfg.Now()
	if err := info.usable(now, n.cfg.Margin); err != nil {
		return nil, err
	}
	if n.cfg.Price != nil {
		if err := n.cfg.Price(r.App, r.MaxPrice); err != nil {
			if errors.Is(err, ErrBusy) { // no other price helps
				return nil, err
			}
			return nil, errors.Join(ErrPrice, err)
		}
	}
	if err := n.backed(ctx, r.Lane); err != nil {
		return nil, err
	}
	return n.tray(r.Lane).admit(r, info, now)
}

// admit begins a call.
func (t *tray) admit(r receipt.Request, info Info, now time.Time) (*NodeCall, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.usable(); err != nil {
		return nil, err
	}
	switch {
	case t.till.nonces.seen(r.Nonce):
		return nil, wrap(ErrNonce, "nonce %d; Resume tells what became of it", r.Nonce)
	case len(t.running) >= t.node.cfg.MaxRunning:
		return nil, wrap(ErrBusy, "%d calls of this lane run; try again when one has ended", len(t.running))
	case !t.fits(0):
		return nil, wrap(ErrCredit, "the lane owes %d uemc; send a voucher first", t.till.issued+t.delivered()-t.till.best.Amount)
	}
	call := &NodeCall{tray: t, runningCall: runningCall{request: r, startedMs: uint64(now.UnixMilli())}, gone: make(chan struct{})}
	value, err := call.encode()
	if err != nil {
		return nil, err
	}
	next := t.till
	next.nonces.use(r.Nonce)
	t.running[r.Nonce] = call
	t.until = info.ExpiresAt.Add(-t.node.cfg.Margin)
	_, err = t.stage(next, ledger.Op{Key: laneKey(kindRunning, t.id, r.Nonce), Value: value})
	return call, err
}

// verify checks whose request it is, and that it is for this node and one of the session's routers.
func (n *Node) verify(ctx context.Context, r receipt.Request) (Info, error) {
	if r.Node != n.cfg.Public.Address() {
		return Info{}, wrap(ErrLane, "a request to node %s; this is %s", r.Node, n.cfg.Public.Address())
	}
	info, err := n.cfg.Chain.Session(ctx, r.Session)
	if err != nil {
		return info, err
	}
	if err := info.allows(r.Node); err != nil {
		return info, err
	}
	if r.KeyID != info.KeyID {
		return info, wrap(ErrKey, "the session's key is number %d, got %d", info.KeyID, r.KeyID)
	}
	if err := r.Verify(n.cfg.ChainID, info.Key); err != nil {
		return info, err
	}
	if r.Routed() {
		if _, bound := info.Router(r.Router); !bound {
			return info, wrap(ErrLane, "router %s may not vouch for session %s", r.Router, r.Session)
		}
	} else if !n.cfg.Direct {
		return info, wrap(ErrLane, "this node takes no calls without a router")
	}
	return info, nil
}

// backed refuses a lane whose router has no cover left for any voucher.
func (n *Node) backed(ctx context.Context, id receipt.Lane) error {
	if !id.Routed() {
		return nil
	}
	cover, err := n.cfg.Chain.Cover(ctx, id.Router, n.cfg.Public.Address())
	if err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if used := n.unpaid[id.Router]; used >= cover {
		return wrap(ErrCover, "router %s covers %d uemc, %d are not redeemed yet", id.Router, cover, used)
	}
	return nil
}
