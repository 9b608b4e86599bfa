package receipt

import (
	"encoding/binary"
	"fmt"
)

// Status is how a call ended.
type Status uint8

// How a call can end.
const (
	StatusComplete  Status = 1 // the customer has the whole answer
	StatusCancelled Status = 2 // he hung up: he pays for what was delivered until then
	StatusFailed    Status = 3 // the node could not answer: it costs nothing
)

// String returns the status as a word.
func (s Status) String() string {
	switch s {
	case StatusComplete:
		return "complete"
	case StatusCancelled:
		return "cancelled"
	case StatusFailed:
		return "failed"
	}
	return fmt.Sprintf("status %d", uint8(s))
}

// Sizes of a receipt in bytes. Only the app's name varies.
const (
	receiptFixed    = 8 + 32 + 8 + 8 + 8 + 8 + 1 + SignatureSize
	MinReceiptBytes = receiptFixed + MinRequestBytes
	MaxReceiptBytes = receiptFixed + MaxRequestBytes
)

// Receipt is what a node signs for a call. It carries the whole request, and so both sides' signatures and identities.
type Receipt struct {
	Sequence       uint64    `json:"sequence"` // place in the lane's tree, from 0
	Request        Request   `json:"request"`
	ResponseDigest Digest    `json:"response_digest"` // of the answer, salted
	Units          uint64    `json:"units"`           // what the app counts: tokens, pages, milliseconds
	Amount         uint64    `json:"amount"`          // uemc, at most the request's MaxPrice
	StartedMs      uint64    `json:"started_ms"`      // ms since 1970
	FinishedMs     uint64    `json:"finished_ms"`     // ms since 1970
	Status         Status    `json:"status"`
	Signature      Signature `json:"signature"` // the node's
}

// Validate checks the form of every field: what Request.Validate checks, ErrCount, ErrNumber and ErrStatus. What the
// receipt asks for is checked by Verify.
func (r Receipt) Validate() error {
	if err := r.Request.Validate(); err != nil {
		return err
	}
	if r.Sequence >= MaxCount {
		return fmt.Errorf("%w: sequence %d, the most is %d", ErrCount, r.Sequence, uint64(MaxCount-1))
	}
	if r.Status < StatusComplete || r.Status > StatusFailed {
		return fmt.Errorf("%w: %d, expected 1 to 3", ErrStatus, r.Status)
	}
	return checkNumbers(number{"units", r.Units}, number{"amount", r.Amount}, number{"started_ms", r.StartedMs}, number{"finished_ms", r.FinishedMs})
}

// check is Validate and what an honest node never signs.
func (r Receipt) check() error {
	if err := r.Validate(); err != nil {
		return err
	}
	if r.Amount > r.Request.MaxPrice {
		return fmt.Errorf("%w: %d uemc, the request allows %d", ErrPrice, r.Amount, r.Request.MaxPrice)
	}
	if r.FinishedMs < r.StartedMs {
		return fmt.Errorf("%w: started %d, finished %d", ErrTime, r.StartedMs, r.FinishedMs)
	}
	if r.Status == StatusFailed && r.Amount != 0 {
		return fmt.Errorf("%w: it asks for %d uemc", ErrFailed, r.Amount)
	}
	return nil
}

// AppendBinary appends body ‖ signature, MinReceiptBytes to MaxReceiptBytes: a leaf of the tree. It fails as Validate
// does.
func (r Receipt) AppendBinary(b []byte) ([]byte, error) {
	if err := r.Validate(); err != nil {
		return nil, fmt.Errorf("receipt: %w", err)
	}
	return append(r.appendBody(b), r.Signature[:]...), nil
}

// MarshalBinary is AppendBinary to nothing.
func (r Receipt) MarshalBinary() ([]byte, error) { return r.AppendBinary(nil) }

// UnmarshalReceipt reads the one encoding of a receipt. It fails with ErrLength or as Validate does.
func UnmarshalReceipt(data []byte) (Receipt, error) {
	in := reader{data: data}
	r := Receipt{Sequence: in.u64(), Request: readRequest(&in)}
	r.ResponseDigest = Digest(in.take(32))
	r.Units = in.u64()
	r.Amount = in.u64()
	r.StartedMs = in.u64()
	r.FinishedMs = in.u64()
	r.Status = Status(in.u8())
	r.Signature = Signature(in.take(SignatureSize))
	if err := in.end("receipt"); err != nil {
		return Receipt{}, err
	}
	if err := r.Validate(); err != nil {
		return Receipt{}, fmt.Errorf("receipt: %w", err)
	}
	return r, nil
}

// ReceiptSignBytes are the bytes that the node signs: "emc/receipt/1" ‖ H(chain id) ‖ body. It fails as Validate does.
func ReceiptSignBytes(chainID string, r Receipt) ([]byte, error) {
	if err := r.Validate(); err != nil {
		return nil, fmt.Errorf("receipt: %w", err)
	}
	return r.appendBody(signPrefix(receiptTag, chainID)), nil
}

// Sign returns the receipt with the node's signature. It signs nothing that Verify would refuse for its contents, and
// fails as that does, or with ErrSigner.
func (r Receipt) Sign(chainID string, node Signer) (Receipt, error) {
	if err := r.check(); err != nil {
		return Receipt{}, fmt.Errorf("receipt: %w", err)
	}
	var err error
	r.Signature, err = sign(node, r.appendBody(signPrefix(receiptTag, chainID)))
	return r, err
}

func (r Receipt) appendBody(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, r.Sequence)
	b = append(r.Request.appendBody(b), r.Request.Signature[:]...)
	b = append(b, r.ResponseDigest[:]...)
	b = binary.BigEndian.AppendUint64(b, r.Units)
	b = binary.BigEndian.AppendUint64(b, r.Amount)
	b = binary.BigEndian.AppendUint64(b, r.StartedMs)
	b = binary.BigEndian.AppendUint64(b, r.FinishedMs)
	return append(b, byte(r.Status))
}
