// Package bin writes and reads the fixed layouts of ledgers and frames: big-endian integers, one encoding for each value.
package bin

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrMalformed means bytes that no writer made.
var ErrMalformed = errors.New("malformed bytes")

// Writer appends fields.
type Writer struct{ B []byte }

// U8 appends a byte.
func (w *Writer) U8(v uint8) *Writer { w.B = append(w.B, v); return w }

// U32 appends four bytes.
func (w *Writer) U32(v uint32) *Writer { w.B = binary.BigEndian.AppendUint32(w.B, v); return w }

// U64 appends eight bytes.
func (w *Writer) U64(v uint64) *Writer { w.B = binary.BigEndian.AppendUint64(w.B, v); return w }

// Raw appends bytes whose number the reader knows.
func (w *Writer) Raw(b []byte) *Writer { w.B = append(w.B, b...); return w }

// Block appends u32 length ‖ bytes.
func (w *Writer) Block(b []byte) *Writer { return w.U32(uint32(len(b))).Raw(b) }

// Reader takes fields off the front. After the first that is cut off it answers zeros, and End tells.
type Reader struct {
	B   []byte
	err error
}

// Raw takes n bytes; they share memory with what is read.
func (r *Reader) Raw(n int) []byte {
	if r.err != nil || n < 0 || len(r.B) < n {
		r.Fail("it is cut off")
		return make([]byte, min(max(n, 0), 64))
	}
	field := r.B[:n:n]
	r.B = r.B[n:]
	return field
}

// U8 takes a byte.
func (r *Reader) U8() uint8 { return r.Raw(1)[0] }

// U32 takes four bytes.
func (r *Reader) U32() uint32 { return binary.BigEndian.Uint32(r.Raw(4)) }

// U64 takes eight bytes.
func (r *Reader) U64() uint64 { return binary.BigEndian.Uint64(r.Raw(8)) }

// Block takes u32 length ‖ bytes, at most so many.
func (r *Reader) Block(most int) []byte {
	n := r.U32()
	if r.err == nil && uint64(n) > uint64(most) {
		r.Fail(fmt.Sprintf("a field of %d bytes, the most is %d", n, most))
	}
	if r.err != nil {
		return nil
	}
	return r.Raw(int(n))
}

// Rest takes all that is left.
func (r *Reader) Rest() []byte { return r.Raw(len(r.B)) }

// Fail keeps the first reason why the bytes are refused.
func (r *Reader) Fail(why string) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s", ErrMalformed, why)
	}
	r.B = nil
}

// Check keeps the first error.
func (r *Reader) Check(err error) {
	if err != nil && r.err == nil {
		r.err, r.B = fmt.Errorf("%w: %w", ErrMalformed, err), nil
	}
}

// Err is the first reason so far.
func (r *Reader) Err() error { return r.err }

// End refuses bytes that were cut off, or that are left.
func (r *Reader) End() error {
	if r.err == nil && len(r.B) > 0 {
		r.Fail(fmt.Sprintf("%d bytes follow", len(r.B)))
	}
	return r.err
}
