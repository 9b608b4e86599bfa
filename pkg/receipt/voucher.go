package receipt

import (
	"encoding/binary"
	"fmt"
)

// VoucherBytes is the size of every voucher.
const VoucherBytes = 16 + 4 + 20 + 20 + 8 + 8 + 32 + 2*SignatureSize

// Voucher is a customer's promise to pay a lane's node Amount in all. A later one of the lane replaces it.
type Voucher struct {
	Lane
	KeyID           uint32    `json:"key_id"` // which of the session's keys signs, from 1
	Amount          uint64    `json:"amount"` // uemc, cumulative in the lane
	Count           uint64    `json:"count"`  // receipts in the lane's tree
	Root            Digest    `json:"root"`   // of that tree
	KeySignature    Signature `json:"key_signature"`
	RouterSignature Signature `json:"router_signature"` // zero without a router, and until he signs
}

// Validate checks the form of every field, but no signature: ErrLane, ErrKeyID, ErrNumber, ErrCount, ErrRoot, and
// ErrRouter for a router's signature in a lane that has none.
func (v Voucher) Validate() error {
	if err := v.Lane.Validate(); err != nil {
		return err
	}
	if err := checkKeyID(v.KeyID); err != nil {
		return err
	}
	if err := checkNumbers(number{"amount", v.Amount}); err != nil {
		return err
	}
	if v.Count > MaxCount {
		return fmt.Errorf("%w: %d, the most is %d", ErrCount, v.Count, uint64(MaxCount))
	}
	if v.Count == 0 && v.Root != EmptyRoot() {
		return fmt.Errorf("%w: no receipts have the root %s, got %s", ErrRoot, EmptyRoot(), v.Root)
	}
	if !v.Routed() && !v.RouterSignature.IsZero() {
		return fmt.Errorf("%w: the lane has no router, so its signature is zeros", ErrRouter)
	}
	return nil
}

// AppendBinary appends body ‖ key's signature ‖ router's signature, VoucherBytes. It fails as Validate does.
func (v Voucher) AppendBinary(b []byte) ([]byte, error) {
	if err := v.Validate(); err != nil {
		return nil, fmt.Errorf("voucher: %w", err)
	}
	b = append(v.appendBody(b), v.KeySignature[:]...)
	return append(b, v.RouterSignature[:]...), nil
}

// MarshalBinary is AppendBinary to nothing.
func (v Voucher) MarshalBinary() ([]byte, error) { return v.AppendBinary(nil) }

// UnmarshalVoucher reads the one encoding of a voucher. It fails with ErrLength or as Validate does.
func UnmarshalVoucher(data []byte) (Voucher, error) {
	in := reader{data: data}
	var v Voucher
	v.Session = SessionID(in.take(16))
	v.KeyID = in.u32()
	v.Router = Address(in.take(20))
	v.Node = Address(in.take(20))
	v.Amount = in.u64()
	v.Count = in.u64()
	v.Root = Digest(in.take(32))
	v.KeySignature = Signature(in.take(SignatureSize))
	v.RouterSignature = Signature(in.take(SignatureSize))
	if err := in.end("voucher"); err != nil {
		return Voucher{}, err
	}
	if err := v.Validate(); err != nil {
		return Voucher{}, fmt.Errorf("voucher: %w", err)
	}
	return v, nil
}

// VoucherSignBytes are the bytes that the session key signs: "emc/voucher/1" ‖ H(chain id) ‖ body.
func VoucherSignBytes(chainID string, v Voucher) []byte {
	return v.appendBody(signPrefix(voucherTag, chainID))
}

// CosignBytes are the bytes that the router signs: "emc/cosign/1" ‖ H(chain id) ‖ body ‖ key's signature. With the key's
// signature in it, he vouches for this very voucher: a customer cannot sign another one of the same contents later.
func CosignBytes(chainID string, v Voucher) []byte {
	return append(v.appendBody(signPrefix(cosignTag, chainID)), v.KeySignature[:]...)
}

// Sign returns the voucher with the session key's signature, and without a router's. It fails as Validate does, or with
// ErrSigner.
func (v Voucher) Sign(chainID string, session Signer) (Voucher, error) {
	v.RouterSignature = Signature{} // an earlier one is not over the new signature
	if err := v.Validate(); err != nil {
		return Voucher{}, fmt.Errorf("voucher: %w", err)
	}
	var err error
	v.KeySignature, err = sign(session, VoucherSignBytes(chainID, v))
	return v, err
}

// Cosign returns the voucher with the router's signature. A router calls VerifyKey first, and writes what he is about to
// sign into his ledger. It fails as Validate does, with ErrRouter in a lane without a router, or with ErrSigner.
func (v Voucher) Cosign(chainID string, router Signer) (Voucher, error) {
	if !v.Routed() {
		return Voucher{}, fmt.Errorf("voucher: %w: the lane has no router", ErrRouter)
	}
	if err := v.Validate(); err != nil {
		return Voucher{}, fmt.Errorf("voucher: %w", err)
	}
	var err error
	v.RouterSignature, err = sign(router, CosignBytes(chainID, v))
	return v, err
}

// VerifyKey checks form and the session key's signature; it fails as Validate does, or with ErrSessionSignature. That
// sessionKey is the session's key number KeyID, only the caller can know.
func (v Voucher) VerifyKey(chainID string, sessionKey PublicKey) error {
	if err := v.Validate(); err != nil {
		return fmt.Errorf("voucher: %w", err)
	}
	if !sessionKey.Verify(VoucherSignBytes(chainID, v), v.KeySignature) {
		return fmt.Errorf("voucher: %w: session %s, key id %d, chain %q: sign with the session's present key", ErrSessionSignature, v.Session, v.KeyID, clip(chainID))
	}
	return nil
}

// VerifyRouter checks form and the router's signature; it fails as Validate does, with ErrRouter for another's key and in
// a lane without a router, or with ErrRouterSignature. It says nothing about the session key's signature.
func (v Voucher) VerifyRouter(chainID string, routerKey PublicKey) error {
	if err := v.Validate(); err != nil {
		return fmt.Errorf("voucher: %w", err)
	}
	if !v.Routed() || routerKey.Address() != v.Router {
		return fmt.Errorf("voucher: %w: expected the key of %q, got that of %q", ErrRouter, v.Router, routerKey.Address())
	}
	if !routerKey.Verify(CosignBytes(chainID, v), v.RouterSignature) {
		return fmt.Errorf("voucher: %w: router %s, chain %q: ask him to sign it", ErrRouterSignature, v.Router, clip(chainID))
	}
	return nil
}

func (v Voucher) appendBody(b []byte) []byte {
	b = append(b, v.Session[:]...)
	b = binary.BigEndian.AppendUint32(b, v.KeyID)
	b = append(b, v.Router[:]...)
	b = append(b, v.Node[:]...)
	b = binary.BigEndian.AppendUint64(b, v.Amount)
	b = binary.BigEndian.AppendUint64(b, v.Count)
	return append(b, v.Root[:]...)
}
