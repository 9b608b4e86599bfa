package main

import (
	"errors"
	"fmt"
	"image"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// fullSpace makes the test binary run the program with two pages of memory as
// the space for outputs.
const fullSpace = "ocr-full-space"

// cannotMount is the exit code of a process that may not mount.
const cannotMount = 77

// Tesseract ends well when it cannot write. The program must not: its customer
// would pay for half a text.
func TestSpaceForOutputsRunsOut(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	careless := filepath.Join(t.TempDir(), fakeName+"careless")
	require.NoError(t, os.Symlink(self, careless))
	in := t.TempDir()
	savePNG(t, in, "a.png", image.NewGray(image.Rect(0, 0, 200, 200)))
	cmd := exec.Command(self, fullSpace, in, t.TempDir(), careless)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWNS | syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSPC) || errors.As(err, &exit) && exit.ExitCode() == cannotMount {
		t.Skipf("user namespaces are switched off here: %v %s", err, out)
	}
	require.ErrorAs(t, err, &exit, string(out))
	require.Equal(t, exitInput, exit.ExitCode(), string(out))
	require.Contains(t, string(out), "the space for outputs is full")
}

func runInFullSpace(args []string) int {
	in, out, tesseract := args[0], args[1], args[2]
	if err := syscall.Mount("emc", out, "tmpfs", 0, "size=8k"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return cannotMount
	}
	return run([]string{"--in", in, "--out", out, "--tesseract", tesseract}, nil, os.Stdout, os.Stderr)
}
