package amx

import (
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// Run runs a command, carries out the AMX instructions that its processor
// refuses, and tells how many those were. Output has to go to files. No other
// child of this process may end meanwhile: all are waited for here.
func Run(cmd *exec.Cmd) (emulated int, err error) {
	// Only the thread that starts a program may trace it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	t := &tracer{pid: cmd.Process.Pid, threads: map[int]*tiles{}}
	defer func() { _ = cmd.Process.Kill() }()
	if err := t.begin(); err != nil {
		return 0, err
	}
	err = t.follow()
	return t.emulated, err
}

// tracer follows all threads of a program.
type tracer struct {
	pid      int
	threads  map[int]*tiles
	emulated int
}

// begin waits for the stop before the program's first instruction.
func (t *tracer) begin() error {
	var status unix.WaitStatus
	if _, err := unix.Wait4(t.pid, &status, 0, nil); err != nil {
		return err
	}
	if !status.Stopped() {
		return fmt.Errorf("the program did not begin: status %#x", status)
	}
	t.threads[t.pid] = &tiles{}
	if err := unix.PtraceSetOptions(t.pid, unix.PTRACE_O_TRACECLONE|unix.PTRACE_O_EXITKILL); err != nil {
		return err
	}
	return unix.PtraceCont(t.pid, 0)
}

// follow goes on until the program ends.
func (t *tracer) follow() error {
	for {
		var status unix.WaitStatus
		tid, err := unix.Wait4(-1, &status, unix.WALL, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return err
		}
		switch {
		case tid == t.pid && status.Exited():
			if code := status.ExitStatus(); code != 0 {
				return fmt.Errorf("the program ended with status %d", code)
			}
			return nil
		case tid == t.pid && status.Signaled():
			return fmt.Errorf("the program was ended by %s", status.Signal())
		case status.Stopped():
			if err := t.stopped(tid, status); err != nil && !errors.Is(err, unix.ESRCH) {
				return err
			}
		}
	}
}

// stopped lets a stopped thread go on.
func (t *tracer) stopped(tid int, status unix.WaitStatus) error {
	state, known := t.threads[tid]
	if !known {
		state = &tiles{}
		t.threads[tid] = state
	}
	signal := status.StopSignal()
	switch {
	case signal == unix.SIGTRAP && status.TrapCause() > 0, signal == unix.SIGSTOP && !known:
		signal = 0 // a thread was started, or begins
	case signal == unix.SIGILL:
		err := t.emulate(tid, state)
		if err != nil && !errors.Is(err, errNotAMX) {
			return err
		}
		if err == nil {
			signal = 0
			t.emulated++
		}
	}
	return unix.PtraceCont(tid, int(signal))
}

// emulate carries out the instruction at which a thread has stopped.
func (t *tracer) emulate(tid int, s *tiles) error {
	var regs unix.PtraceRegs
	if err := unix.PtraceGetRegs(tid, &regs); err != nil {
		return err
	}
	var code [15]byte
	if err := t.read(code[:], regs.Rip); err != nil {
		return err
	}
	in, err := decode(code[:])
	if err != nil {
		return err
	}
	if err := t.carryOut(s, in, &regs); err != nil {
		return fmt.Errorf("% x: %w", code[:in.length], err)
	}
	regs.Rip += uint64(in.length)
	return unix.PtraceSetRegs(tid, &regs)
}

func (t *tracer) carryOut(s *tiles, in instruction, regs *unix.PtraceRegs) error {
	// Names by prefix and opcode: none 49 with memory is LDTILECFG, and so on.
	switch at := address(in, regs); {
	case in.opcode == 0x49 && in.prefix == 0 && !in.direct:
		var config [64]byte
		if err := t.read(config[:], at); err != nil {
			return err
		}
		return s.configure(config)
	case in.opcode == 0x49 && in.prefix == 0: // TILERELEASE
		*s = tiles{}
		return nil
	case !s.configured:
		return errors.New("tiles are used before they are configured")
	case in.opcode == 0x49 && in.prefix == 3 && in.direct: // TILEZERO
		s.data[in.reg] = [tileRows][tileBytes]byte{}
		return nil
	case in.opcode == 0x4b && in.prefix == 3 && !in.direct: // TILELOADD
		s.data[in.reg] = [tileRows][tileBytes]byte{}
		return s.eachRow(in, regs, at, t.read)
	case in.opcode == 0x4b && in.prefix == 2 && !in.direct: // TILESTORED
		return s.eachRow(in, regs, at, t.write)
	case in.opcode == 0x5e && in.prefix == 3 && in.direct: // TDPBSSD
		return s.dot(in.reg, in.rm, in.vvvv)
	}
	return errNotAMX
}

// eachRow moves a tile's rows, which lie a stride apart.
func (s *tiles) eachRow(in instruction, regs *unix.PtraceRegs, at uint64, move func([]byte, uint64) error) error {
	if in.index < 0 {
		return errors.New("a tile in memory needs a stride")
	}
	stride := general(in.index, regs) << in.scale
	for r := range s.rows[in.reg] {
		if err := move(s.data[in.reg][r][:s.width[in.reg]], at+uint64(r)*stride); err != nil {
			return err
		}
	}
	return nil
}

// address is where a tile or a configuration begins; the index is its stride.
func address(in instruction, regs *unix.PtraceRegs) uint64 {
	if in.base < 0 {
		return 0
	}
	return general(in.base, regs) + uint64(in.offset)
}

// general is a general register by its number.
func general(number int, r *unix.PtraceRegs) uint64 {
	return [...]uint64{
		r.Rax, r.Rcx, r.Rdx, r.Rbx, r.Rsp, r.Rbp, r.Rsi, r.Rdi, r.R8, r.R9, r.R10, r.R11, r.R12, r.R13, r.R14, r.R15,
	}[number]
}

func (t *tracer) read(into []byte, at uint64) error {
	n, err := unix.ProcessVMReadv(t.pid, vec(into), remote(into, at), 0)
	return whole(n, len(into), at, err)
}

func (t *tracer) write(from []byte, at uint64) error {
	n, err := unix.ProcessVMWritev(t.pid, vec(from), remote(from, at), 0)
	return whole(n, len(from), at, err)
}

func vec(b []byte) []unix.Iovec {
	v := unix.Iovec{Base: &b[0]}
	v.SetLen(len(b))
	return []unix.Iovec{v}
}

func remote(b []byte, at uint64) []unix.RemoteIovec {
	return []unix.RemoteIovec{{Base: uintptr(at), Len: len(b)}}
}

// whole is an error unless all bytes were moved.
func whole(moved, length int, at uint64, err error) error {
	if err == nil && moved != length {
		err = errors.New("not all of it is there")
	}
	if err != nil {
		return fmt.Errorf("%d bytes of memory at %#x: %w", length, at, err)
	}
	return nil
}
