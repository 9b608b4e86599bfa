//go:build linux

package wasm

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/edgematrix/emc/worker/runtime"
)

// fencedArg makes the test binary stand for a program that broke out of
// WebAssembly: native code inside the child's fence.
const fencedArg = "wasm-fenced"

// fencedMain tries what such a program would, and prints what it achieved.
func fencedMain(args []string) int {
	var j job
	if err := json.Unmarshal([]byte(args[0]), &j); err != nil {
		fmt.Println(err)
		return 2
	}
	key, address := args[1], args[2]
	if err := fence(j); err != nil {
		fmt.Println("no fence:", err)
		return 2
	}
	say := func(what string, err error) {
		if err == nil {
			fmt.Println("ACHIEVED", what)
		} else {
			fmt.Println("refused", what, err)
		}
	}
	ok := func(what string, err error) {
		if err != nil {
			fmt.Println("BROKEN", what, err)
		}
	}
	_, err := os.ReadFile(key)
	say("read the key", err)
	_, err = os.ReadDir("/")
	say("list /", err)
	say("write outside", os.WriteFile(key+".new", nil, 0o600))
	say("remove the key", os.Remove(key))
	say("write over an input", os.WriteFile(j.Inputs[0].Host, []byte("x"), 0o600))
	say("rename an output over the key", os.Rename("out/mine", key))
	say("hard link", os.Link(j.Inputs[0].Host, "out/link"))
	say("symbolic link", os.Symlink(key, "out/symlink"))
	say("named pipe", syscall.Mkfifo("out/pipe", 0o600))
	_, err = net.Dial("tcp", address)
	say("connect", err)
	_, err = net.Listen("tcp", "127.0.0.1:0")
	say("listen", err)
	say("run a program", exec.Command("/bin/true").Run())
	_, err = unix.MemfdCreate("x", 0)
	say("memfd", err)
	say("raise a limit", unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 1 << 40, Max: 1 << 40}))
	ok("write an output", os.WriteFile("out/mine2", make([]byte, 1000), 0o600))
	say("write past the file size limit", os.WriteFile("out/large", make([]byte, 1001), 0o600))
	_, err = os.ReadFile(j.Inputs[0].Host)
	ok("read an input", err)
	ok("make a directory", os.Mkdir("out/d", 0o700))
	ok("rename between directories", os.Rename("out/mine2", "out/d/mine"))
	done := make(chan bool) // threads can still be made
	for range 20 {
		go func() { time.Sleep(time.Millisecond); done <- true }()
	}
	for range 20 {
		<-done
	}
	fmt.Println("end")
	return 0
}

func TestFence(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	dir := t.TempDir()
	key, input, cwd := filepath.Join(dir, "key"), filepath.Join(dir, "input"), filepath.Join(dir, "cwd")
	require.NoError(t, os.MkdirAll(filepath.Join(cwd, outDirName), 0o700))
	for _, f := range []string{key, input, filepath.Join(cwd, outDirName, "mine")} {
		require.NoError(t, os.WriteFile(f, []byte("content"), 0o600))
	}
	j, err := json.Marshal(job{
		Inputs: []runtime.File{{Path: "input", Host: input}},
		Limits: runtime.Limits{OutputBytes: 1000, MemoryBytes: 1 << 20, Duration: time.Minute},
	})
	require.NoError(t, err)
	exe, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(exe, fencedArg, string(j), key, listener.Addr().String())
	cmd.Dir, cmd.Env = cwd, []string{}
	text, err := cmd.CombinedOutput()
	require.NoError(t, err, string(text))

	said := string(text)
	require.True(t, strings.HasSuffix(said, "end\n"), said)
	require.NotContains(t, said, "BROKEN", said)
	if version, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION); errno != 0 || version < 4 {
		t.Skipf("this kernel has no Landlock to test: version %d, %v", version, errno)
	}
	require.NotContains(t, said, "ACHIEVED", said)
	require.Equal(t, 15, strings.Count(said, "refused"), said)
}
