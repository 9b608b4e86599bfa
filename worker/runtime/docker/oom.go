package docker

import (
	"bufio"
	"os"
	"strconv"
	"strings"

	"github.com/moby/moby/api/types/container"
)

// oomKills counts the programs that this machine's kernel has ended for want of
// memory, in whatever container; 0 where the kernel does not tell.
//
// The Engine learns of such an end from an event that is lost when the container
// ends before it is read, and no word comes then however long one waits. A program
// that ended by SIGKILL, which nobody sent, while this count grew, is taken for one.
func oomKills() uint64 {
	file, err := os.Open("/proc/vmstat")
	if err != nil {
		return 0
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if count, ok := strings.CutPrefix(lines.Text(), "oom_kill "); ok {
			n, err := strconv.ParseUint(count, 10, 64)
			if err != nil {
				return 0
			}
			return n
		}
	}
	return 0
}

// endedForMemory says whether the kernel ended a program that nobody else killed;
// before and after are its count of such ends.
func endedForMemory(s container.State, before, after uint64) bool {
	return s.OOMKilled || s.ExitCode == 137 && after > before
}
