// Package nodejs is for tests that run programs for Node: whether there is one, and the packages that they take. Without,
// such tests are left out in words; EMC_REQUIRE_NODE=1 makes that a failure.
package nodejs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/edgematrix/emc/test/e2e/rig"
)

// EnvRequire makes a machine without Node a failure.
const EnvRequire = "EMC_REQUIRE_NODE"

// oldest that the pinned packages run on: Debian 12 has it.
const oldest = 18

var errNoNode = errors.New("node and npm are not installed (Debian: apt-get install nodejs npm)")

// Needs leaves a test out where the machine lacks what it takes, in words, or fails it where that is required.
func Needs(t testing.TB, err error) {
	t.Helper()
	switch {
	case err == nil:
	case os.Getenv(EnvRequire) == "1":
		t.Fatalf("%s=1, and: %v", EnvRequire, err)
	default:
		t.Skipf("left out: %v", err)
	}
}

// Check returns an error where there is no Node, or one that is too old.
func Check(ctx context.Context) error {
	_, noNPM := exec.LookPath("npm")
	version, err := rig.Command(ctx, "", nil, "node", "--version")
	if err != nil || noNPM != nil {
		return errNoNode
	}
	major, _, _ := strings.Cut(strings.TrimPrefix(version.Out, "v"), ".")
	if n, err := strconv.Atoi(major); err != nil || n < oldest {
		return fmt.Errorf("%w: this one is %s, it takes %d", errNoNode, strings.TrimSpace(version.Out), oldest)
	}
	return nil
}

// Install fetches a folder's packages, unless those of its lock file are there.
func Install(ctx context.Context, dir string) error {
	lock, err := os.ReadFile(filepath.Join(dir, "package-lock.json"))
	if err != nil {
		return err
	}
	sum := sha256.Sum256(lock)
	stamp, want := filepath.Join(dir, "node_modules", ".emc-lock"), hex.EncodeToString(sum[:])
	if have, err := os.ReadFile(stamp); err == nil && string(have) == want {
		return nil
	}
	if _, err := rig.Command(ctx, dir, nil, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"); err != nil {
		return fmt.Errorf("%w\nThe packages of %s come from npm's registry: let this machine reach it, or name a mirror "+
			"with `npm config set registry URL`; then `npm ci --ignore-scripts` in that folder shows whether it works", err, dir)
	}
	return os.WriteFile(stamp, []byte(want), 0o644)
}
