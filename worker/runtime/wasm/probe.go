package wasm

import "encoding/binary"

// The probe's greeting and the name of the file that it copies from /in to
// /out.
const (
	probeLog  = "the probe ran\n"
	probeFile = "probe"
)

// probeProgram assembles the tiny program that Check runs: it copies
// /in/probe, at most 64 bytes, to /out/probe and writes probeLog. Its exit code
// is the number of the first step that failed.
func probeProgram() []byte {
	const (
		i32, i64                              = 0x7f, 0x7e
		fdWrite, fdRead, pathOpen, exit, main = 0, 1, 2, 3, 4

		// Addresses in the program's memory.
		name, greeting             = 0, 16
		readVec, logVec, writeVec  = 64, 72, 88
		readCount, openFD, ignored = 80, 84, 96
		buffer                     = 128
	)
	data := make([]byte, buffer)
	copy(data[name:], probeFile)
	copy(data[greeting:], probeLog)
	for at, value := range map[int]uint32{
		readVec: buffer, readVec + 4: 64,
		logVec: greeting, logVec + 4: uint32(len(probeLog)),
		writeVec: buffer,
	} {
		binary.LittleEndian.PutUint32(data[at:], value)
	}

	var code []byte
	put := func(v int64) { code = appendSigned(append(code, 0x41), v) } // i32.const
	put64 := func(v int64) { code = appendSigned(append(code, 0x42), v) }
	load := func(at int64) { put(at); code = append(code, 0x28, 2, 0) }
	call := func(f byte) { code = append(code, 0x10, f) }
	step := func(number int64) { // if the call failed, exit with number
		code = append(code, 0x04, 0x40)
		put(number)
		call(exit)
		code = append(code, 0x0b)
	}
	open := func(dir, oflags, rights int64) {
		for _, v := range []int64{dir, 0, name, int64(len(probeFile)), oflags} {
			put(v)
		}
		put64(rights)
		put64(0)
		put(0)
		put(openFD)
		call(pathOpen)
	}

	open(3, 0, 1<<1) // /in, to read
	step(1)
	load(openFD)
	put(readVec)
	put(1)
	put(readCount)
	call(fdRead)
	step(2)
	open(4, 1, 1<<6) // /out, to create and write
	step(3)
	put(writeVec + 4)
	load(readCount)
	code = append(code, 0x36, 2, 0) // i32.store
	load(openFD)
	put(writeVec)
	put(1)
	put(ignored)
	call(fdWrite)
	step(4)
	put(1)
	put(logVec)
	put(1)
	put(ignored)
	call(fdWrite)
	step(5)

	imp := func(name string, typ byte) []byte {
		const module = "wasi_snapshot_preview1"
		return concat(vec([]byte(module)), vec([]byte(name)), []byte{0, typ})
	}
	body := concat([]byte{0}, code, []byte{0x0b})
	return concat(
		[]byte("\x00asm\x01\x00\x00\x00"),
		section(1, 4,
			[]byte{0x60, 4, i32, i32, i32, i32, 1, i32},
			[]byte{0x60, 9, i32, i32, i32, i32, i32, i64, i64, i32, i32, 1, i32},
			[]byte{0x60, 1, i32, 0},
			[]byte{0x60, 0, 0}),
		section(2, 4, imp("fd_write", 0), imp("fd_read", 0), imp("path_open", 1), imp("proc_exit", 2)),
		section(3, 1, []byte{3}),
		section(5, 1, []byte{0, 1}),
		section(7, 2, vec([]byte("memory")), []byte{2, 0}, vec([]byte("_start")), []byte{0, main}),
		section(10, 1, vec(body)),
		section(11, 1, []byte{0, 0x41, 0, 0x0b}, vec(data)),
	)
}

func section(id byte, count int, items ...[]byte) []byte {
	content := concat(append([][]byte{binary.AppendUvarint(nil, uint64(count))}, items...)...)
	return concat([]byte{id}, vec(content))
}

// vec is a byte string with its length before it.
func vec(b []byte) []byte { return append(binary.AppendUvarint(nil, uint64(len(b))), b...) }

func concat(parts ...[]byte) []byte {
	var all []byte
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

// appendSigned appends a signed LEB128 number.
func appendSigned(b []byte, v int64) []byte {
	for {
		low := byte(v & 0x7f)
		v >>= 7
		if (v == 0 && low&0x40 == 0) || (v == -1 && low&0x40 != 0) {
			return append(b, low)
		}
		b = append(b, low|0x80)
	}
}
