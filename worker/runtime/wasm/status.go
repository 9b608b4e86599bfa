package wasm

import (
	"os"
	"strconv"
	"strings"
)

// peakIn is the greatest resident size that a /proc/PID/status tells, 0 if
// unknown. The child's rusage would not do: it starts from the size of the
// parent that forked it.
func peakIn(status *os.File) int64 { return statusBytes(status, "VmHWM") }

// statusBytes reads a size from a /proc/PID/status.
func statusBytes(status *os.File, field string) int64 {
	if status == nil {
		return 0
	}
	text := make([]byte, 8<<10)
	n, _ := status.ReadAt(text, 0)
	for line := range strings.Lines(string(text[:n])) {
		if value, ok := strings.CutPrefix(line, field+":"); ok {
			kib, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			return kib << 10
		}
	}
	return 0
}
