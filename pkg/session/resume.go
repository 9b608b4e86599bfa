package session

import (
	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session/internal/bin"
)

// ResumeApp is the app of the request that signs a Resume. No app has this name, and its maximum price is 0.
const ResumeApp = "emc.resume"

// Bounds of the two messages.
const (
	MaxHeard    = 1024 // orphaned calls of one Resume
	MaxHandover = 256  // receipts of one State
	MaxRunning  = 1024 // running calls of one State
)

// Resume asks a node where a lane stands. Its own request signs the rest by its digest, and takes a nonce: the node takes
// no lower one any more that it does not know, so that what it does not know by now is void for ever.
type Resume struct {
	Request receipt.Request
	Count   uint64 // the customer's accepted receipts
	Root    receipt.Digest
	Calls   []Heard // open calls that no stream brings any more, by nonce
}

// Heard is how far the customer got with a call, in uemc.
type Heard struct{ Nonce, Amount uint64 }

// State answers a Resume.
type State struct {
	Nonce    uint64 // of the Resume that it answers
	Count    uint64 // the node's receipts
	Root     receipt.Digest
	Vouched  uint64            // the best voucher's amount, 0 without one
	Voucher  *receipt.Voucher  // that voucher
	Receipts []receipt.Receipt // from the customer's count on
	Running  []uint64          // nonces of calls that still run
	More     bool              // there are more receipts: accept these, and ask again
}

// body is what the request's digest is of.
func (r Resume) body() []byte {
	w := new(bin.Writer).U64(r.Count).Raw(r.Root[:]).U32(uint32(len(r.Calls)))
	for _, c := range r.Calls {
		w.U64(c.Nonce).U64(c.Amount)
	}
	return w.B
}

// MarshalBinary is request ‖ count ‖ root ‖ calls.
func (r Resume) MarshalBinary() ([]byte, error) {
	if len(r.Calls) > MaxHeard {
		return nil, wrap(ErrBusy, "%d calls, the most is %d", len(r.Calls), MaxHeard)
	}
	request, err := r.Request.MarshalBinary()
	if err != nil {
		return nil, err
	}
	return new(bin.Writer).Block(request).Raw(r.body()).B, nil
}

// UnmarshalResume reads the one encoding of a Resume, and checks the digest of its request.
func UnmarshalResume(b []byte) (out Resume, err error) {
	r := bin.Reader{B: b}
	request := r.Block(receipt.MaxRequestBytes)
	if r.Err() == nil {
		out.Request, err = receipt.UnmarshalRequest(request)
		r.Check(err)
	}
	out.Count, out.Root = r.U64(), receipt.Digest(r.Raw(32))
	n := r.U32()
	if n > MaxHeard {
		r.Fail("too many calls")
	}
	for i := uint32(0); i < n && r.Err() == nil; i++ {
		c := Heard{r.U64(), r.U64()}
		if i > 0 && c.Nonce <= out.Calls[i-1].Nonce {
			r.Fail("calls out of order")
		}
		out.Calls = append(out.Calls, c)
	}
	if err := r.End(); err != nil {
		return Resume{}, err
	}
	return out, out.check()
}

// check refuses a request that does not sign the rest.
func (r Resume) check() error {
	if r.Request.App != ResumeApp || r.Request.MaxPrice != 0 || r.Request.Digest != receipt.RequestDigest(r.body()) {
		return wrap(receipt.ErrRequest, "its request does not sign this question about the lane")
	}
	return nil
}

// MarshalBinary is the answer's one encoding.
func (s State) MarshalBinary() ([]byte, error) {
	w := new(bin.Writer).U64(s.Nonce).U64(s.Count).Raw(s.Root[:]).U64(s.Vouched)
	if s.Voucher == nil {
		w.U8(0)
	} else {
		v, err := s.Voucher.MarshalBinary()
		if err != nil {
			return nil, err
		}
		w.U8(1).Raw(v)
	}
	w.U32(uint32(len(s.Receipts)))
	for _, r := range s.Receipts {
		b, err := r.MarshalBinary()
		if err != nil {
			return nil, err
		}
		w.Block(b)
	}
	w.U32(uint32(len(s.Running)))
	for _, n := range s.Running {
		w.U64(n)
	}
	if s.More {
		return w.U8(1).B, nil
	}
	return w.U8(0).B, nil
}

// UnmarshalState reads the one encoding of a State.
func UnmarshalState(b []byte) (out State, err error) {
	r := bin.Reader{B: b}
	out.Nonce, out.Count, out.Root, out.Vouched = r.U64(), r.U64(), receipt.Digest(r.Raw(32)), r.U64()
	if flag(&r) {
		v, err := receipt.UnmarshalVoucher(r.Raw(receipt.VoucherBytes))
		r.Check(err)
		out.Voucher = &v
	}
	receipts := r.U32()
	if receipts > MaxHandover {
		r.Fail("too many receipts")
	}
	for i := uint32(0); i < receipts && r.Err() == nil; i++ {
		one, err := receipt.UnmarshalReceipt(r.Block(receipt.MaxReceiptBytes))
		r.Check(err)
		out.Receipts = append(out.Receipts, one)
	}
	running := r.U32()
	if running > MaxRunning {
		r.Fail("too many running calls")
	}
	for i := uint32(0); i < running && r.Err() == nil; i++ {
		out.Running = append(out.Running, r.U64())
	}
	out.More = flag(&r)
	if err := r.End(); err != nil {
		return State{}, err
	}
	return out, nil
}

// flag takes 0 or 1.
func flag(r *bin.Reader) bool {
	b := r.U8()
	if b > 1 {
		r.Fail("a flag that is neither 0 nor 1")
	}
	return b == 1
}
