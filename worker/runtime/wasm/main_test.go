//go:build linux

package wasm

import (
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// childArg makes the test binary act as the child process, as the worker's
// hidden subcommand does.
const childArg = "wasm-child"

// shared is what all tests of one run use: a directory with the guest program
// and its compiled code.
var shared struct {
	dir   string
	guest func() (string, error)
}

func TestMain(m *testing.M) {
	if len(os.Args) >= 2 && os.Args[1] == childArg {
		os.Exit(Child())
	}
	if len(os.Args) >= 2 && os.Args[1] == parentArg {
		os.Exit(parentMain(os.Args[2:]))
	}
	if len(os.Args) >= 2 && os.Args[1] == fencedArg {
		os.Exit(fencedMain(os.Args[2:]))
	}
	flag.Parse()
	// A failure is reproduced by the seed it prints; files would litter testdata.
	_ = flag.Set("rapid.nofailfile", "true")
	dir, err := os.MkdirTemp("", "emc-wasm-test-*")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	shared.dir = dir
	shared.guest = sync.OnceValues(func() (string, error) {
		out := filepath.Join(dir, "guest.wasm")
		build := exec.Command("go", "build", "-trimpath", "-o", out, "./testdata/guest")
		build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0", "GOFLAGS=")
		if text, err := build.CombinedOutput(); err != nil {
			return "", fmt.Errorf("building the guest: %w\n%s", err, text)
		}
		return out, nil
	})
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

func newRuntime(t testing.TB) *Runtime {
	t.Helper()
	r, err := New(Config{ChildArgs: []string{childArg}, CacheDir: filepath.Join(shared.dir, "cache"), Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	return r
}
