package call

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/edgematrix/emc/pkg/session/internal/bin"
)

// The protocols' ids.
const (
	Protocol       = "/emc/call/1"
	CosignProtocol = "/emc/cosign/1"
)

// Kind is what a frame carries.
type Kind uint8

// The kinds, with their payloads.
const (
	KindResume  Kind = 1  // session.Resume
	KindState   Kind = 2  // session.State
	KindCall    Kind = 3  // block request ‖ block voucher or nothing ‖ body
	KindData    Kind = 4  // u64 amount so far ‖ u64 units so far ‖ piece of the answer
	KindVoucher Kind = 5  // voucher
	KindTaken   Kind = 6  // u64 amount of the best voucher
	KindReceipt Kind = 7  // salt 32 ‖ receipt
	KindCancel  Kind = 8  // nothing
	KindError   Kind = 9  // u8 code ‖ u32 retry after, ms ‖ words
	KindDue     Kind = 10 // u64 amount that the lane's voucher must reach
	KindCosign  Kind = 11 // voucher with the session key's signature
	KindSigned  Kind = 12 // the router's signature, 64 bytes
	KindSettle  Kind = 13 // a voucher that is answered by taken, between calls
)

// Bounds of payloads.
const (
	MaxBody  = 16 << 20 // of a call
	MaxPiece = 64 << 10 // of an answer
	maxSmall = 1 << 10
	maxState = 256 << 10
	maxWords = 512
)

// most is the largest payload of a kind; 0 for one that is unknown.
func (k Kind) most() int {
	switch k {
	case KindCall:
		return maxSmall + MaxBody
	case KindData:
		return 16 + MaxPiece
	case KindState, KindResume:
		return maxState
	case KindVoucher, KindTaken, KindReceipt, KindCancel, KindError, KindDue, KindCosign, KindSigned, KindSettle:
		return maxSmall
	}
	return 0
}

// ErrFrame means bytes that are no frame of the protocol.
var ErrFrame = errors.New("malformed frame")

// Frame is one message.
type Frame struct {
	Kind    Kind
	Payload []byte
}

// AppendFrame appends a frame's encoding. It fails with ErrFrame for an unknown kind or a payload that is too large.
func AppendFrame(b []byte, f Frame) ([]byte, error) {
	if most := f.Kind.most(); most == 0 || len(f.Payload) > most {
		return nil, fmt.Errorf("%w: kind %d with %d bytes", ErrFrame, f.Kind, len(f.Payload))
	}
	b = binary.BigEndian.AppendUint32(b, uint32(1+len(f.Payload)))
	return append(append(b, byte(f.Kind)), f.Payload...), nil
}

// ReadFrame reads one frame. Its length is checked against its kind before room is made for it.
func ReadFrame(r io.Reader) (Frame, error) {
	c := conn{ReadWriteCloser: onlyRead{r}}
	return c.frame()
}

type onlyRead struct{ io.Reader }

func (onlyRead) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }
func (onlyRead) Close() error              { return nil }

// checkHead returns the size of the payload.
func checkHead(head [5]byte) (int, error) {
	n, kind := binary.BigEndian.Uint32(head[:4]), Kind(head[4])
	if most := kind.most(); n == 0 || most == 0 || uint64(n-1) > uint64(most) {
		return 0, fmt.Errorf("%w: kind %d with %d bytes", ErrFrame, kind, n)
	}
	return int(n - 1), nil
}

// number is a payload of one u64.
func number(n uint64) []byte { return new(bin.Writer).U64(n).B }

func (f Frame) number() (uint64, error) {
	r := bin.Reader{B: f.Payload}
	n := r.U64()
	return n, frameError(r.End())
}

func frameError(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrFrame, err)
}
