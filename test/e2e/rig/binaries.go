package rig

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Binaries is the folder with emcd, emc-worker, emc-router and charlm.wasm.
type Binaries string

// Emcd is the path of the chain's binary.
func (b Binaries) Emcd() string { return filepath.Join(string(b), "emcd") }

// Worker is the path of the worker's binary.
func (b Binaries) Worker() string { return filepath.Join(string(b), "emc-worker") }

// Router is the path of the router's binary.
func (b Binaries) Router() string { return filepath.Join(string(b), "emc-router") }

// Charlm is the path of the language model's module.
func (b Binaries) Charlm() string { return filepath.Join(string(b), "charlm.wasm") }

// Check says what is missing.
func (b Binaries) Check() error {
	for _, path := range []string{b.Emcd(), b.Worker(), b.Router(), b.Charlm()} {
		if _, err := os.Stat(path); err != nil {
			return fmt.Errorf("%w; `make build` makes it", err)
		}
	}
	return nil
}

// Build makes the four artefacts from the sources at root, as their users do:
// without cgo.
func Build(ctx context.Context, root string, into Binaries) error {
	for _, one := range []struct{ out, pkg, env string }{
		{into.Emcd(), "./cmd/emcd", ""},
		{into.Worker(), "./cmd/emc-worker", ""},
		{into.Router(), "./cmd/emc-router", ""},
		{into.Charlm(), "./apps/charlm", wasip1},
	} {
		if err := GoBuild(ctx, root, one.out, one.pkg, strings.Fields(one.env)...); err != nil {
			return err
		}
	}
	return nil
}

// What a program for the wasm runtime is compiled for.
const (
	goarch = "GOARCH=wasm"
	wasip1 = "GOOS=wasip1 " + goarch
)

// BuildGuest compiles a program for the wasm runtime.
func BuildGuest(ctx context.Context, root, out, pkg string) error {
	return GoBuild(ctx, root, out, pkg, strings.Fields(wasip1)...)
}

// GoBuild compiles one package. Other tests build the same file in the same way,
// perhaps at the same time: the lock beside it is theirs, too.
func GoBuild(ctx context.Context, root, out, pkg string, env ...string) error {
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return err
	}
	lock, err := os.OpenFile(out+".lock", os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("lock %s.lock: %w", out, err)
	}
	args := []string{"build", "-ldflags", "-s -w", "-o", out, pkg}
	if slices.Contains(env, goarch) {
		// The module's digest must not depend on the folder. For others this would
		// mean to compile all that they import a second time.
		args = slices.Insert(args, 1, "-trimpath")
	}
	ctx, cancel := context.WithTimeout(ctx, 15*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = root
	cmd.Env = append(append(os.Environ(), "CGO_ENABLED=0"), env...)
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s: %w\n%s", pkg, err, text)
	}
	return nil
}
