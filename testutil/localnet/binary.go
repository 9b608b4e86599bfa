// Package localnet runs the real emcd binary in tests: it builds it once, starts
// networks on free ports, and kills them when the test ends.
package localnet

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// EnvBinary names a binary to test in place of a fresh build.
const EnvBinary = "EMCD_BINARY"

// Binary returns the path of emcd, built from the current sources. The build is
// kept in build/test, so that it costs little when nothing has changed.
func Binary(t testing.TB) string {
	t.Helper()
	if path := os.Getenv(EnvBinary); path != "" {
		return path
	}
	return Build(t, "emcd", "./cmd/emcd")
}

// Build compiles one of the repository's commands, as its users do: without cgo.
func Build(t testing.TB, name, pkg string) string {
	t.Helper()
	root := Root()
	dir := filepath.Join(root, "build", "test")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	release, err := lock(filepath.Join(dir, name+".lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	path := filepath.Join(dir, name)
	build := exec.CommandContext(context.WithoutCancel(t.Context()), "go", "build", "-ldflags", "-s -w", "-o", path, pkg)
	build.Dir, build.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build %s: %v\n%s", pkg, err, out)
	}
	return path
}

// Root is the repository's folder.
func Root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Dir(filepath.Dir(filepath.Dir(file)))
}

// lock keeps the tests of two packages from building the same file at once.
func lock(path string) (release func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return func() { _ = f.Close() }, nil
}
