package types

import (
	errorsmod "cosmossdk.io/errors"

	"github.com/edgematrix/emc/pkg/receipt"
)

// Receipt is the voucher as pkg/receipt signs and verifies it. It checks the
// form of every field.
func (v Voucher) Receipt() (receipt.Voucher, error) {
	out, err := v.parse()
	if err == nil {
		err = out.Validate()
	}
	if err != nil {
		return out, errorsmod.Wrap(ErrInvalidVoucher, err.Error())
	}
	return out, nil
}

func (v Voucher) parse() (out receipt.Voucher, err error) {
	out.KeyID, out.Amount, out.Count = v.KeyId, v.Amount, v.Count
	if out.Session, err = receipt.ParseSessionID(v.Session); err != nil {
		return out, err
	}
	if out.Node, err = receipt.ParseAddress(v.Node); err != nil {
		return out, err
	}
	if out.Router, err = receipt.ParseAddress(v.Router); err != nil {
		return out, err
	}
	for _, field := range []struct {
		name     string
		from, to []byte
	}{
		{"root", v.Root, out.Root[:]},
		{"key_signature", v.KeySignature, out.KeySignature[:]},
		{"router_signature", v.RouterSignature, out.RouterSignature[:]},
	} {
		if len(field.from) == 0 && field.name == "router_signature" && !out.Routed() {
			continue
		}
		if len(field.from) != len(field.to) {
			return out, errorsmod.Wrapf(ErrInvalidVoucher, "%s has %d bytes, got %d", field.name, len(field.to), len(field.from))
		}
		copy(field.to, field.from)
	}
	return out, nil
}

// FromReceipt is a voucher of pkg/receipt as a message carries it.
func FromReceipt(v receipt.Voucher) Voucher {
	out := Voucher{
		Session: v.Session.String(), KeyId: v.KeyID, Router: v.Router.String(), Node: v.Node.String(),
		Amount: v.Amount, Count: v.Count, Root: v.Root[:], KeySignature: v.KeySignature[:],
	}
	if v.Routed() {
		out.RouterSignature = v.RouterSignature[:]
	}
	return out
}
