package docker

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// The holder's and the probe's programs are assembled here: a container needs a
// static executable, the worker's own is a hundred megabytes, and these are a
// page each.

// assembler writes system calls for one processor.
type assembler struct {
	arch string
	code []byte
}

func newAssembler(arch string) (*assembler, error) {
	if arch != "amd64" && arch != "arm64" {
		return nil, fmt.Errorf("docker runtime: it has no program for containers on %s; use an amd64 or arm64 machine", arch)
	}
	return &assembler{arch: arch}, nil
}

// Numbers of system calls, which differ between processors.
type syscallNumber struct{ amd64, arm64 uint32 }

// argument is what a system call gets: a number, the result kept in a slot, or
// the address of a buffer of 128 bytes below the stack.
type argument struct {
	value  uint32
	slot   int // 1 or 2, when not zero
	buffer bool
}

func number(n uint32) argument     { return argument{value: n} }
func kept(slot int) argument       { return argument{slot: slot} }
func stackBuffer() argument        { return argument{buffer: true} }
func (a *assembler) here() int     { return len(a.code) }
func (a *assembler) put(b ...byte) { a.code = append(a.code, b...) }
func (a *assembler) word(w uint32) { a.code = binary.LittleEndian.AppendUint32(a.code, w) }

// call makes a system call with at most four arguments.
func (a *assembler) call(n syscallNumber, args ...argument) {
	for i, arg := range args {
		if a.arch == "amd64" {
			a.argAMD64(i, arg)
		} else {
			a.argARM64(uint32(i), arg)
		}
	}
	if a.arch == "amd64" {
		a.put(0xb8) // mov eax, number
		a.word(n.amd64)
		a.put(0x0f, 0x05) // syscall
		return
	}
	a.word(0xd2800000 | n.arm64<<5 | 8) // mov x8, #number
	a.word(0xd4000001)                  // svc #0
}

func (a *assembler) argAMD64(i int, arg argument) {
	switch {
	case arg.buffer: // lea rsi, [rsp-128]: it is always the second
		a.put(0x48, 0x8d, 0x74, 0x24, 0x80)
	case arg.slot > 0: // mov edi or edx, r12d or r13d
		from := [3]byte{0, 0xe0, 0xe8}[arg.slot]
		a.put(0x44, 0x89, from|[4]byte{7, 6, 2, 0}[i])
	default: // mov edi, esi, edx, r10d: number
		a.put([4][]byte{{0xbf}, {0xbe}, {0xba}, {0x41, 0xba}}[i]...)
		a.word(arg.value)
	}
}

func (a *assembler) argARM64(i uint32, arg argument) {
	switch {
	case arg.buffer: // sub xi, sp, #128
		a.word(0xd10203e0 | i)
	case arg.slot > 0: // mov xi, x19 or x20
		a.word(0xaa0003e0 | uint32(18+arg.slot)<<16 | i)
	default: // movz, movk
		a.word(0xd2800000 | (arg.value&0xffff)<<5 | i)
		a.word(0xf2a00000 | (arg.value>>16)<<5 | i)
	}
}

// keep stores the result of the last call in a slot.
func (a *assembler) keep(slot int) {
	if a.arch == "amd64" {
		a.put(0x41, 0x89, [3]byte{0, 0xc4, 0xc5}[slot]) // mov r12d or r13d, eax
		return
	}
	a.word(0xaa0003e0 | uint32(18+slot)) // mov x19 or x20, x0
}

// orExit ends the program with a code when the last call failed.
func (a *assembler) orExit(code uint32) {
	skip := &assembler{arch: a.arch}
	skip.call(sysExit(), number(code))
	if a.arch == "amd64" {
		a.put(0x85, 0xc0, 0x79, byte(len(skip.code))) // test eax, eax; jns
	} else {
		a.word(0xb6f80000 | uint32(len(skip.code)/4+1)<<5) // tbz x0, #63
	}
	a.put(skip.code...)
}

// jump goes back to an earlier place.
func (a *assembler) jump(to int) {
	if a.arch == "amd64" {
		a.put(0xeb, byte(to-a.here()-2))
		return
	}
	a.word(0x14000000 | uint32((to-a.here())/4)&0x03ffffff)
}

func sysExit() syscallNumber   { return syscallNumber{60, 93} }
func sysRead() syscallNumber   { return syscallNumber{0, 63} }
func sysWrite() syscallNumber  { return syscallNumber{1, 64} }
func sysOpenAt() syscallNumber { return syscallNumber{257, 56} }
func sysPPoll() syscallNumber  { return syscallNumber{271, 73} }

// Where an executable lies in memory.
const (
	elfBase    = 0x400000
	elfHeaders = 64 + 56
)

// executable is a static program of code that is followed by data.
func (a *assembler) executable(data []byte) []byte {
	machine := uint16(62) // EM_X86_64
	if a.arch == "arm64" {
		machine = 183 // EM_AARCH64
	}
	size := uint64(elfHeaders + len(a.code) + len(data))
	var b bytes.Buffer
	for _, field := range []any{
		[16]byte{0x7f, 'E', 'L', 'F', 2, 1, 1}, // 64 bits, little-endian
		uint16(2), machine, uint32(1),          // an executable
		uint64(elfBase + elfHeaders), uint64(64), uint64(0), uint32(0), // entry, program headers, no sections
		uint16(64), uint16(56), uint16(1), uint16(64), uint16(0), uint16(0),
		uint32(1), uint32(5), uint64(0), uint64(elfBase), uint64(elfBase), // PT_LOAD, read and execute
		size, size, uint64(0x10000),
	} {
		// Writing to a buffer does not fail.
		_ = binary.Write(&b, binary.LittleEndian, field)
	}
	b.Write(a.code)
	b.Write(data)
	return b.Bytes()
}

// waiterProgram waits in the kernel for ever.
func waiterProgram(arch string) ([]byte, error) {
	a, err := newAssembler(arch)
	if err != nil {
		return nil, err
	}
	begin := a.here()
	a.call(sysPPoll(), number(0), number(0), number(0), number(0))
	a.jump(begin) // a signal woke it
	return a.executable(nil), nil
}

// The probe's greeting, and the file that it copies from /in to /out.
const (
	probeLog  = "the probe ran\n"
	probeFile = "probe"
	probeMost = 64 // bytes of the file
)

// probeProgram copies /in/probe to /out/probe and writes probeLog. Its exit code
// is the number of the first step that failed.
func probeProgram(arch string) ([]byte, error) {
	data := []byte("/in/" + probeFile + "\x00/out/" + probeFile + "\x00" + probeLog)
	out := uint32(len("/in/" + probeFile + "\x00"))
	greeting := out + uint32(len("/out/"+probeFile+"\x00"))
	assemble := func(at uint32) (*assembler, error) { // at: where the data lies
		a, err := newAssembler(arch)
		if err != nil {
			return nil, err
		}
		const readOnlyFlag, createFlags = 0, 0o1 | 0o100 | 0o200 // O_WRONLY, O_CREAT, O_EXCL
		a.call(sysOpenAt(), number(0), number(at), number(readOnlyFlag), number(0))
		a.orExit(1)
		a.keep(1)
		a.call(sysRead(), kept(1), stackBuffer(), number(probeMost))
		a.orExit(2)
		a.keep(2)
		a.call(sysOpenAt(), number(0), number(at+out), number(createFlags), number(0o644))
		a.orExit(3)
		a.keep(1)
		a.call(sysWrite(), kept(1), stackBuffer(), kept(2))
		a.orExit(4)
		a.call(sysWrite(), number(1), number(at+greeting), number(uint32(len(probeLog))))
		a.orExit(5)
		a.call(sysExit(), number(0))
		return a, nil
	}
	// Every instruction has the same length whatever the addresses are.
	draft, err := assemble(elfBase)
	if err != nil {
		return nil, err
	}
	a, err := assemble(elfBase + elfHeaders + uint32(len(draft.code)))
	if err != nil {
		return nil, err
	}
	return a.executable(data), nil
}
