package session

import (
	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session/internal/bin"
)

// The customer's records: lane → where it stands, lane ‖ nonce → open call, lane ‖ sequence → accepted receipt, session →
// mark that it was forgotten.
const (
	kindLane    = "customer/lane/"
	kindCall    = "customer/call/"
	kindReceipt = "customer/receipt/"

	kindForgotten = "customer/forgotten/"
)

const maxReason = 1000

// purse is where a customer's lane stands. Its receipts' number is tree.Count.
type purse struct {
	tree       receipt.Frontier
	sum        uint64 // of accepted receipts, uemc
	vouched    uint64 // the highest amount that was ever signed, uemc
	nextNonce  uint64
	ceiling    uint64 // nonces from it on were never used
	lost       lost
	quarantine string // why nothing is asked or paid any more; empty while all is well
}

func (p purse) encode() []byte {
	tree, _ := p.tree.MarshalBinary() // it never fails
	w := new(bin.Writer).Block(tree).U64(p.sum).U64(p.vouched).U64(p.nextNonce)
	w.Block([]byte(p.quarantine[:min(len(p.quarantine), maxReason)]))
	return w.U64(p.ceiling).U64(p.lost.from).U64(p.lost.to).U64(p.lost.count).B
}

func decodePurse(b []byte) (p purse, err error) {
	r := bin.Reader{B: b}
	tree := r.Block(receipt.MaxFrontierBytes)
	p.sum, p.vouched, p.nextNonce = r.U64(), r.U64(), r.U64()
	p.quarantine = string(r.Block(maxReason))
	if r.Err() == nil {
		p.tree, err = receipt.UnmarshalFrontier(tree)
		r.Check(err)
	}
	if r.Err() == nil && len(r.B) == 0 { // as it was written when every nonce was durable before it was used
		p.ceiling = p.nextNonce
		return p, nil
	}
	p.ceiling = r.U64()
	p.lost = lost{r.U64(), r.U64(), r.U64()}
	if r.Err() == nil && (p.ceiling < p.nextNonce || p.lost.from > p.lost.to || p.lost.to > p.ceiling) {
		r.Fail("nonces beyond those that were set aside")
	}
	return p, r.End()
}

// openCall is a call for which no receipt was accepted yet.
type openCall struct {
	request receipt.Request
	prepaid uint64 // what vouchers may contain for it, uemc: at most its maximum price

	heard uint64 // what the stream told to have been delivered, uemc; in the ledger as of the last voucher

	// Not in the ledger:
	live   bool             // a stream still brings it
	asided *receipt.Receipt // its receipt came before one with a lower sequence
}

func (c openCall) encode() ([]byte, error) {
	request, err := c.request.MarshalBinary()
	if err != nil {
		return nil, err
	}
	return new(bin.Writer).U64(c.prepaid).U64(c.heard).Raw(request).B, nil
}

func decodeCall(b []byte) (c openCall, err error) {
	r := bin.Reader{B: b}
	c.prepaid, c.heard = r.U64(), r.U64()
	rest := r.Rest()
	if r.Err() == nil {
		c.request, err = receipt.UnmarshalRequest(rest)
		r.Check(err)
	}
	if r.Err() == nil && max(c.prepaid, c.heard) > c.request.MaxPrice {
		r.Fail("more than the maximum price")
	}
	return c, r.End()
}
