package receipt

import "fmt"

// Verify checks a receipt as a stranger does who has both public keys: form, ErrPrice, ErrTime, ErrFailed, ErrNode, then
// ErrSessionSignature and ErrNodeSignature.
func (r Receipt) Verify(chainID string, sessionKey, nodeKey PublicKey) error {
	if err := r.checkFor(nodeKey); err != nil {
		return err
	}
	if err := r.Request.Verify(chainID, sessionKey); err != nil {
		return fmt.Errorf("receipt: %w", err)
	}
	return r.verifyNode(chainID, nodeKey)
}

// VerifyFor checks a receipt as the customer does who still has the request that he sent: that it is the one in the
// receipt (ErrRequest) is cheaper to see than to verify his own signature again. Otherwise it is Verify.
func (r Receipt) VerifyFor(chainID string, sent Request, nodeKey PublicKey) error {
	if err := r.checkFor(nodeKey); err != nil {
		return err
	}
	if r.Request != sent {
		return fmt.Errorf("receipt: %w: expected nonce %d, got %d: do not pay for it", ErrRequest, sent.Nonce, r.Request.Nonce)
	}
	return r.verifyNode(chainID, nodeKey)
}

// VerifyIncluded checks that a voucher pays for this receipt: ErrVoucher when its lane or count says that it does not,
// otherwise as VerifyPath. Signatures are for Verify and VerifyKey.
func (r Receipt) VerifyIncluded(v Voucher, path Path) error {
	if r.Request.Lane != v.Lane || r.Sequence >= v.Count {
		return fmt.Errorf("receipt %d: %w: the voucher is for %d receipts of its lane", r.Sequence, ErrVoucher, v.Count)
	}
	leaf, err := r.MarshalBinary()
	if err != nil {
		return err
	}
	return VerifyPath(v.Root, v.Count, r.Sequence, leaf, path)
}

// checkFor is all that costs no signature.
func (r Receipt) checkFor(nodeKey PublicKey) error {
	if err := r.check(); err != nil {
		return fmt.Errorf("receipt: %w", err)
	}
	if nodeKey.Address() != r.Request.Node {
		return fmt.Errorf("receipt: %w: expected the key of %s, got that of %s", ErrNode, r.Request.Node, nodeKey.Address())
	}
	return nil
}

func (r Receipt) verifyNode(chainID string, nodeKey PublicKey) error {
	if !nodeKey.Verify(r.appendBody(signPrefix(receiptTag, chainID)), r.Signature) {
		return fmt.Errorf("receipt: %w: node %s, chain %q: do not pay for it", ErrNodeSignature, r.Request.Node, clip(chainID))
	}
	return nil
}
