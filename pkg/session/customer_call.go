package session

import (
	"context"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session/ledger"
)

// Begin makes the request of a call. Its nonce is never used again, whatever happens: numbers are set aside some hundreds
// at a time, and that is durable before one of them is used. The call itself is on its way to the disk; one that a crash
// forgets is found again by Resume.
func (l *Lane) Begin(app string, digest receipt.Digest, maxPrice uint64) (receipt.Request, error) {
	request, aside, err := l.next(app, digest, maxPrice)
	if err != nil || aside == nil {
		return request, err
	}
	if err := aside.Wait(); err != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		return receipt.Request{}, l.judged(err)
	}
	return request, nil
}

// next makes the request of a call, and what it has to wait for, if anything.
func (l *Lane) next(app string, digest receipt.Digest, maxPrice uint64) (receipt.Request, ledger.Write, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.usable(); err != nil {
		return receipt.Request{}, nil, err
	}
	if len(l.open) >= l.cfg.MaxOpen {
		return receipt.Request{}, nil, wrap(ErrBusy, "%d calls of this lane are open; wait for their receipts, or Resume", len(l.open))
	}
	request, next, err := l.sign(app, digest, maxPrice)
	if err != nil {
		return receipt.Request{}, nil, err
	}
	write, err := l.begin(next, &openCall{request: request, live: true})
	if err != nil {
		return receipt.Request{}, nil, err
	}
	return request, l.raised.before(request.Nonce, next.ceiling, write), nil
}

// sign makes a request with the next nonce, and the standing after it, which is not written yet.
func (l *Lane) sign(app string, digest receipt.Digest, maxPrice uint64) (receipt.Request, purse, error) {
	next := l.purse
	next.nextNonce++
	if next.nextNonce+noncesAside/2 > next.ceiling {
		next.ceiling = next.nextNonce + noncesAside
	}
	request, err := receipt.Request{
		Lane: l.id, KeyID: l.cfg.KeyID, Nonce: l.purse.nextNonce, Digest: digest, MaxPrice: maxPrice,
		IssuedMs: uint64(l.cfg.Now().UnixMilli()), App: app,
	}.Sign(l.cfg.ChainID, l.cfg.Key)
	return request, next, err
}

// Heard notes what the stream of a call told to have been delivered so far, in uemc.
func (l *Lane) Heard(nonce, amount uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c := l.open[nonce]; c != nil {
		c.heard = max(c.heard, min(amount, c.request.MaxPrice))
	}
}

// Taken notes the voucher that the node says to have. What it says can only cost the node: it is sent vouchers again until
// it has them.
func (l *Lane) Taken(amount uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.taken = max(l.taken, min(amount, l.purse.vouched))
}

// Orphaned notes that no stream brings a call any more. Unless its receipt came, it stays open until Resume.
func (l *Lane) Orphaned(nonce uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c := l.open[nonce]; c != nil {
		c.live = false
	}
}

// Prepay lets the next voucher contain up to amount for an open call, never more than its maximum price.
func (l *Lane) Prepay(nonce, amount uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.open[nonce]
	if c == nil {
		return wrap(ErrUnknownCall, "nonce %d", nonce)
	}
	c.prepaid = max(c.prepaid, min(amount, c.request.MaxPrice)) // durable with the voucher
	return nil
}

// PrepayTo raises what is prepaid of an open call so far that the lane's voucher reaches an amount, as far as most and the
// call's maximum price allow.
func (l *Lane) PrepayTo(nonce, voucher, most uint64) error {
	l.mu.Lock()
	sum := l.purse.sum
	for n, c := range l.open {
		if n != nonce {
			sum += c.prepaid
		}
	}
	l.mu.Unlock()
	return l.Prepay(nonce, min(most, voucher-min(voucher, sum)))
}

// Voucher pays for all accepted receipts and what is prepaid of open calls. The amount is durable before it is signed, and
// never less than one before; the router's signature is on it, or it fails with ErrCosign. The last voucher comes again when
// nothing has changed.
func (l *Lane) Voucher(ctx context.Context) (receipt.Voucher, error) {
	select {
	case l.paying <- struct{}{}:
		defer func() { <-l.paying }()
	case <-ctx.Done():
		return receipt.Voucher{}, ctx.Err()
	}
	v, err := l.voucher()
	if err != nil {
		return v, err
	}
	if have := l.last; have.KeyID == v.KeyID && have.Amount == v.Amount && have.Count == v.Count {
		return have, nil
	}
	if v, err = v.Sign(l.cfg.ChainID, l.cfg.Key); err != nil {
		return v, err
	}
	if l.cosigner != nil {
		if v.RouterSignature, err = l.cosigner.Cosign(ctx, v); err != nil {
			return v, wrap(ErrCosign, "%w", err)
		}
	}
	l.last = v
	return v, nil
}

// voucher writes the amount down, and returns it unsigned.
func (l *Lane) voucher() (receipt.Voucher, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.usable(); err != nil {
		return receipt.Voucher{}, err
	}
	next := l.purse
	amount := next.sum
	var ops []ledger.Op
	for nonce, c := range l.open {
		amount += c.prepaid
		if c.prepaid == 0 && c.heard == 0 {
			continue
		}
		value, err := c.encode()
		if err != nil {
			return receipt.Voucher{}, err
		}
		ops = append(ops, ledger.Op{Key: laneKey(kindCall, l.id, nonce), Value: value})
	}
	if amount <= next.vouched {
		ops = nil
	} else {
		next.vouched = amount
		ops = append(ops, l.standing(next))
	}
	// Also without ops: the voucher is over receipts that may still be on their way to the disk.
	if err := l.judged(l.cfg.Store.Batch(ops...)); err != nil {
		return receipt.Voucher{}, err
	}
	l.purse = next
	return receipt.Voucher{
		Lane: l.id, KeyID: l.cfg.KeyID, Amount: next.vouched, Count: next.tree.Count(), Root: next.tree.Root(),
	}, nil
}
