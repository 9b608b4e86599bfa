package call

import (
	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session/internal/bin"
)

// order is the payload of KindCall.
type order struct {
	request receipt.Request
	voucher *receipt.Voucher
	body    []byte
}

func (o order) encode() ([]byte, error) {
	request, err := o.request.MarshalBinary()
	if err != nil {
		return nil, err
	}
	var voucher []byte
	if o.voucher != nil {
		if voucher, err = o.voucher.MarshalBinary(); err != nil {
			return nil, err
		}
	}
	return new(bin.Writer).Block(request).Block(voucher).Raw(o.body).B, nil
}

func decodeOrder(b []byte) (o order, err error) {
	r := bin.Reader{B: b}
	request, voucher := r.Block(receipt.MaxRequestBytes), r.Block(receipt.VoucherBytes)
	o.body = r.Rest()
	if r.Err() == nil {
		o.request, err = receipt.UnmarshalRequest(request)
		r.Check(err)
	}
	if r.Err() == nil && len(voucher) > 0 {
		v, err := receipt.UnmarshalVoucher(voucher)
		r.Check(err)
		o.voucher = &v
	}
	return o, frameError(r.End())
}

// piece is the payload of KindData.
type piece struct {
	amount, units uint64 // so far
	data          []byte
}

func (p piece) encode() []byte { return new(bin.Writer).U64(p.amount).U64(p.units).Raw(p.data).B }

func decodePiece(b []byte) (piece, error) {
	r := bin.Reader{B: b}
	p := piece{amount: r.U64(), units: r.U64()}
	p.data = r.Rest()
	return p, frameError(r.End())
}

// ending is the payload of KindReceipt.
type ending struct {
	salt    receipt.Salt
	receipt receipt.Receipt
}

func (e ending) encode() ([]byte, error) {
	b, err := e.receipt.MarshalBinary()
	return new(bin.Writer).Raw(e.salt[:]).Raw(b).B, err
}

func decodeEnding(b []byte) (e ending, err error) {
	r := bin.Reader{B: b}
	e.salt = receipt.Salt(r.Raw(len(e.salt)))
	rest := r.Rest()
	if r.Err() == nil {
		e.receipt, err = receipt.UnmarshalReceipt(rest)
		r.Check(err)
	}
	return e, frameError(r.End())
}
