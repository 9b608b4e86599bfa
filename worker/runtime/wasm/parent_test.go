//go:build linux

package wasm

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/edgematrix/emc/worker/runtime"
)

// parentArg makes the test binary act as a worker that runs one task, to be
// killed.
const parentArg = "wasm-parent"

func parentMain(args []string) int {
	var task runtime.Task
	if err := json.Unmarshal([]byte(args[0]), &task); err != nil {
		fmt.Println(err)
		return 2
	}
	task.Log = os.Stdout
	r, err := New(Config{ChildArgs: []string{childArg}, CacheDir: args[1]})
	if err != nil {
		fmt.Println(err)
		return 2
	}
	if args[2] == "lifeline" {
		r.attributes = func() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
	}
	_, err = r.Run(context.Background(), task)
	fmt.Println(err)
	return 1
}

// TestNothingOutlivesTheWorker kills a worker with -9, with the lifeline alone
// and with Pdeathsig beside it, and with its child frozen.
func TestNothingOutlivesTheWorker(t *testing.T) {
	for _, how := range []string{"lifeline", "both", "frozen"} {
		t.Run(how, func(t *testing.T) {
			r := newRun(t, "loop")
			r.Log = nil
			task, err := json.Marshal(r.Task)
			require.NoError(t, err)
			exe, err := os.Executable()
			require.NoError(t, err)
			parent := exec.Command(exe, parentArg, string(task), filepath.Join(shared.dir, "cache"), how)
			log, err := parent.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, parent.Start())
			defer parent.Process.Kill()

			line := make([]byte, 100)
			n, err := log.Read(line)
			require.NoError(t, err)
			require.Equal(t, "looping\n", string(line[:n]))
			children := childrenOf(t, parent.Process.Pid)
			require.Len(t, children, 1)
			t.Cleanup(func() { _ = unix.Kill(children[0], unix.SIGKILL) })
			// Only root may look into a process that cannot be dumped.
			if environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", children[0])); err == nil {
				require.Empty(t, environ, "the worker's environment reached the child")
			}

			if how == "frozen" {
				require.NoError(t, unix.Kill(children[0], stopSignal))
			}
			require.NoError(t, parent.Process.Kill())
			_ = parent.Wait()
			require.Eventually(t, func() bool {
				return unix.Kill(children[0], 0) == unix.ESRCH || zombie(children[0])
			}, 2*time.Second, 5*time.Millisecond, "the child outlived its parent")
		})
	}
}

func childrenOf(t *testing.T, pid int) []int {
	t.Helper()
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	require.NoError(t, err)
	var children []int
	for _, f := range files {
		text, err := os.ReadFile(f)
		require.NoError(t, err)
		for _, field := range strings.Fields(string(text)) {
			child, err := strconv.Atoi(field)
			require.NoError(t, err)
			children = append(children, child)
		}
	}
	return children
}

// zombie says whether a dead process merely waits to be reaped by init.
func zombie(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && strings.Contains(string(text), ") Z ")
}
