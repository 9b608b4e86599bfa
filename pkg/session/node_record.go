package session

import (
	"math/bits"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session/internal/bin"
)

// The node's records: lane → where it stands, lane ‖ nonce → running call, lane ‖ sequence → root after it ‖ receipt,
// session → mark that it was forgotten.
const (
	kindTill    = "node/lane/"
	kindRunning = "node/call/"
	kindSigned  = "node/receipt/"
	kindDropped = "node/forgotten/"
)

// nonceWindow is how far apart the nonces of calls that begin at the same time can be.
const nonceWindow = 1024

// nonces remembers which were used: all below floor, and those in the window above it. The nonces of an honest customer
// grow by one, so that nothing he wants is ever left below the floor.
type nonces struct {
	floor uint64
	used  [nonceWindow / 64]uint64 // bit i of the ring is nonce n with n mod nonceWindow = i, floor ≤ n
}

func (n *nonces) seen(nonce uint64) bool {
	return nonce < n.floor || nonce-n.floor < nonceWindow && n.used[nonce/64%uint64(len(n.used))]>>(nonce%64)&1 == 1
}

// use marks a nonce; a far one moves the floor up.
func (n *nonces) use(nonce uint64) {
	if nonce >= nonceWindow && n.floor <= nonce-nonceWindow {
		n.raise(nonce - nonceWindow + 1)
	}
	n.used[nonce/64%uint64(len(n.used))] |= 1 << (nonce % 64)
}

// raise gives up every nonce below floor.
func (n *nonces) raise(floor uint64) {
	if floor <= n.floor {
		return
	}
	if floor-n.floor >= nonceWindow {
		n.used = [len(n.used)]uint64{}
	}
	for at := n.floor; at < floor && at-n.floor < nonceWindow; at++ {
		n.used[at/64%uint64(len(n.used))] &^= 1 << (at % 64)
	}
	n.floor = floor
}

func (n *nonces) count() (sum int) {
	for _, w := range n.used {
		sum += bits.OnesCount64(w)
	}
	return sum
}

// till is where a node's lane stands.
type till struct {
	nonces  nonces
	tree    receipt.Frontier
	issued  uint64          // sum of the receipts' amounts, uemc
	best    receipt.Voucher // zero without one
	settled uint64          // what the chain has paid of it, or never will, uemc
	since   uint64          // ms since 1970 from when on best was above settled; 0 when it is not
}

func (t till) due() uint64 { return t.best.Amount - min(t.best.Amount, t.settled) }

func (t till) encode() ([]byte, error) {
	w := new(bin.Writer).U64(t.nonces.floor)
	for _, word := range t.nonces.used {
		w.U64(word)
	}
	tree, err := t.tree.MarshalBinary()
	if err != nil {
		return nil, err
	}
	w.Block(tree).U64(t.issued).U64(t.settled).U64(t.since)
	if t.best.KeyID == 0 {
		return w.U8(0).B, nil
	}
	v, err := t.best.MarshalBinary()
	if err != nil {
		return nil, err
	}
	return w.U8(1).Raw(v).B, nil
}

func decodeTill(b []byte) (t till, err error) {
	r := bin.Reader{B: b}
	t.nonces.floor = r.U64()
	for i := range t.nonces.used {
		t.nonces.used[i] = r.U64()
	}
	tree := r.Block(receipt.MaxFrontierBytes)
	if r.Err() == nil {
		t.tree, err = receipt.UnmarshalFrontier(tree)
		r.Check(err)
	}
	t.issued, t.settled, t.since = r.U64(), r.U64(), r.U64()
	if flag(&r) {
		t.best, err = receipt.UnmarshalVoucher(r.Raw(receipt.VoucherBytes))
		r.Check(err)
	}
	return t, r.End()
}

// runningCall is a call that was admitted and has no receipt yet.
type runningCall struct {
	request   receipt.Request
	startedMs uint64
	units     uint64
	delivered uint64 // uemc
}

func (c runningCall) encode() ([]byte, error) {
	request, err := c.request.MarshalBinary()
	if err != nil {
		return nil, err
	}
	return new(bin.Writer).U64(c.startedMs).U64(c.units).U64(c.delivered).Raw(request).B, nil
}

func decodeRunning(b []byte) (c runningCall, err error) {
	r := bin.Reader{B: b}
	c.startedMs, c.units, c.delivered = r.U64(), r.U64(), r.U64()
	rest := r.Rest()
	if r.Err() == nil {
		c.request, err = receipt.UnmarshalRequest(rest)
		r.Check(err)
	}
	if r.Err() == nil && c.delivered > c.request.MaxPrice {
		r.Fail("more was delivered than the maximum price")
	}
	return c, r.End()
}

// signedRecord is a receipt with the root of the tree that it is the last leaf of: a voucher that lags behind is compared
// with the root at its own count.
func signedRecord(root receipt.Digest, receiptBytes []byte) []byte {
	return new(bin.Writer).Raw(root[:]).Raw(receiptBytes).B
}

func decodeSigned(b []byte) (root receipt.Digest, out receipt.Receipt, err error) {
	r := bin.Reader{B: b}
	root = receipt.Digest(r.Raw(32))
	rest := r.Rest()
	if r.Err() == nil {
		out, err = receipt.UnmarshalReceipt(rest)
		r.Check(err)
	}
	return root, out, r.End()
}
