package netlab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Namespaces are named emclab-PID-START-LAB-HOST. A process id comes back in time, so
// the moment at which the process has started (in clock ticks since boot) tells the
// owner from others.
const namePrefix = "emclab-"

// owner is a process as a name has it.
func owner(pid int) (string, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", err
	}
	// The program's name is in brackets and may have anything in it; after it, the
	// moment of the start is the 20th field.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(fields) < 20 {
		return "", fmt.Errorf("/proc/%d/stat has %d fields", pid, len(fields))
	}
	return fmt.Sprintf("%d-%s", pid, fields[19]), nil
}

// orphaned reports whether a namespace is a lab's whose process is gone.
func orphaned(name string) bool {
	rest, ours := strings.CutPrefix(name, namePrefix)
	words := strings.SplitN(rest, "-", 3)
	if !ours || len(words) < 3 {
		return false
	}
	pid, err := strconv.Atoi(words[0])
	if err != nil {
		return false
	}
	now, err := owner(pid)
	if err != nil {
		return errors.Is(err, os.ErrNotExist)
	}
	return now != words[0]+"-"+words[1]
}

// sweep removes what killed processes have left. What cannot be removed is for
// whoever comes next.
func sweep(ctx context.Context) {
	list, _ := os.ReadDir(spaces) // nobody has made a namespace yet
	for _, one := range list {
		if orphaned(one.Name()) {
			_ = space(one.Name()).remove(ctx)
		}
	}
}
