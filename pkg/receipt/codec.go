package receipt

import (
	"encoding/binary"
	"fmt"
)

// MaxNumber bounds amounts (uemc), units and times (ms): above it, a signed 64-bit integer elsewhere would turn negative.
const MaxNumber = 1<<63 - 1

// reader takes fields off the front of bytes. After the first field that is cut off it answers zeros, and end tells.
type reader struct {
	data  []byte
	short bool
}

func (r *reader) take(n int) []byte {
	if len(r.data) < n {
		r.data, r.short = nil, true
		return make([]byte, n)
	}
	field := r.data[:n]
	r.data = r.data[n:]
	return field
}

func (r *reader) u8() uint8   { return r.take(1)[0] }
func (r *reader) u32() uint32 { return binary.BigEndian.Uint32(r.take(4)) }
func (r *reader) u64() uint64 { return binary.BigEndian.Uint64(r.take(8)) }

// end refuses bytes that were cut off, or that are left.
func (r *reader) end(what string) error {
	if r.short {
		return fmt.Errorf("%s: %w: it is cut off; fetch it again", what, ErrLength)
	}
	if len(r.data) > 0 {
		return fmt.Errorf("%s: %w: %d bytes follow it", what, ErrLength, len(r.data))
	}
	return nil
}

type number struct {
	name  string
	value uint64
}

func checkNumbers(numbers ...number) error {
	for _, n := range numbers {
		if n.value > MaxNumber {
			return fmt.Errorf("%w: %s %d, the most is %d", ErrNumber, n.name, n.value, uint64(MaxNumber))
		}
	}
	return nil
}

// clip keeps a hostile string from filling an error message.
func clip(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}
