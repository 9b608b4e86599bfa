package wasm

import (
	"fmt"
	"os"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"

	"github.com/edgematrix/emc/worker/runtime"
)

const (
	// compileHeadroom is what the compiler may take for itself: enough for a
	// program of some ten MiB, too little to bring a host down.
	compileHeadroom = 1536 << 20
	// runHeadroom is what the child may take beside the program's own memory, on
	// top of what it holds when the program starts.
	runHeadroom = 256 << 20
	// childDescriptors leaves room for the child's own beside the program's.
	childDescriptors = maxDescriptors + 128
	// cpuGrace is added to the processor time that a run can take by its deadline:
	// this limit only matters when the parent is stopped and cannot kill.
	cpuGrace = 30 * time.Second
	// maxDuration keeps sums of durations from overflowing.
	maxDuration = 10 * 365 * 24 * time.Hour
)

// limitProcess sets what holds from the start. RLIMIT_DATA counts writable
// private memory; RLIMIT_AS would count the address space that is merely
// reserved for the program to grow into.
func limitProcess(l runtime.Limits) error {
	// Past RLIMIT_FSIZE a write is to fail, not to end the process.
	signal.Ignore(unix.SIGXFSZ)
	limits := map[int]uint64{
		unix.RLIMIT_CORE:   0, // a core file would hold the customer's data
		unix.RLIMIT_NOFILE: childDescriptors,
		unix.RLIMIT_DATA:   uint64(l.MemoryBytes) + compileHeadroom,
	}
	if l.Duration > 0 { // a service has no end
		limits[unix.RLIMIT_CPU] = uint64(min(l.Duration, maxDuration)*childCores+cpuGrace) / uint64(time.Second)
	}
	return setLimits(limits)
}

// limitProgram sets what holds once the compiler is done and its cache is
// written.
func limitProgram(l runtime.Limits) error {
	status, err := os.Open("/proc/self/status")
	if err != nil {
		return fmt.Errorf("%w; mount /proc", err)
	}
	defer status.Close()
	held := statusBytes(status, "VmData")
	if held == 0 {
		return fmt.Errorf("VmData is missing in /proc/self/status; mount /proc")
	}
	return setLimits(map[int]uint64{
		unix.RLIMIT_FSIZE: uint64(l.OutputBytes),
		unix.RLIMIT_DATA:  min(uint64(held+runHeadroom)+uint64(l.MemoryBytes), uint64(l.MemoryBytes)+compileHeadroom),
	})
}

func setLimits(limits map[int]uint64) error {
	for resource, value := range limits {
		var now unix.Rlimit
		if err := unix.Getrlimit(resource, &now); err != nil {
			return fmt.Errorf("getrlimit %d: %w", resource, err)
		}
		// Soft and hard alike, and never above what the host allows already.
		value = min(value, now.Max)
		if err := unix.Setrlimit(resource, &unix.Rlimit{Cur: value, Max: value}); err != nil {
			return fmt.Errorf("setrlimit %d to %d: %w", resource, value, err)
		}
	}
	return nil
}
