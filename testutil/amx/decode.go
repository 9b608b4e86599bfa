package amx

import (
	"encoding/binary"
	"errors"
)

// errNotAMX means an instruction that this package does not know.
var errNotAMX = errors.New("not an AMX instruction")

// instruction is one of AMX's, taken apart.
type instruction struct {
	opcode byte // 0x49, 0x4b, 0x5e
	prefix byte // 0 none, 1 66, 2 F3, 3 F2
	// reg, rm and vvvv are register numbers; rm is one only if direct.
	reg, rm, vvvv int
	direct        bool
	// base and index are numbers of general registers, -1 for none.
	base, index int
	scale       uint
	offset      int64
	length      int
}

// decode reads an instruction with a three-byte VEX prefix and map 0F38.
func decode(b []byte) (in instruction, err error) {
	if len(b) < 15 || b[0] != 0xc4 || b[1]&0x1f != 2 {
		return in, errNotAMX
	}
	// The prefix holds the upper bits of register numbers inverted.
	r, x, base := int(^b[1]>>7&1)<<3, int(^b[1]>>6&1)<<3, int(^b[1]>>5&1)<<3
	in.vvvv, in.prefix, in.opcode = int(^b[2]>>3&15), b[2]&3, b[3]
	modrm := b[4]
	in.reg, in.base, in.index, in.length = r|int(modrm>>3&7), -1, -1, 5
	if modrm>>6 == 3 {
		in.direct, in.rm = true, base|int(modrm&7)
		return in, nil
	}
	low := int(modrm & 7)
	if low == 4 {
		sib := b[5]
		in.length++
		in.scale = uint(sib >> 6)
		if in.index = x | int(sib>>3&7); in.index == 4 {
			in.index = -1
		}
		low = int(sib & 7)
	}
	in.base = base | low
	switch {
	case modrm>>6 == 1:
		in.offset = int64(int8(b[in.length]))
		in.length++
	case modrm>>6 == 2:
		in.offset = int64(int32(binary.LittleEndian.Uint32(b[in.length:])))
		in.length += 4
	case low == 5:
		return in, errNotAMX // relative to the instruction: our code has none
	}
	return in, nil
}
