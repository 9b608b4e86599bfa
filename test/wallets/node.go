package wallets

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

	"github.com/edgematrix/emc/test/e2e/rig"
)

// EnvRequire makes a machine without Node a failure.
const EnvRequire = "EMC_REQUIRE_NODE"

// oldestNode that the pinned CosmJS runs on: Debian 12 has it.
const oldestNode = 18

var errNoNode = errors.New("node and npm are not installed (Debian: apt-get install nodejs npm)")

// checkNode returns errNoNode where there is no Node, or one that is too old.
func checkNode(ctx context.Context) error {
	_, noNPM := exec.LookPath("npm")
	version, err := rig.Command(ctx, "", nil, "node", "--version")
	if err != nil || noNPM != nil {
		return errNoNode
	}
	major, _, _ := strings.Cut(strings.TrimPrefix(version.Out, "v"), ".")
	if n, err := strconv.Atoi(major); err != nil || n < oldestNode {
		return fmt.Errorf("%w: this one is %s, it takes %d", errNoNode, strings.TrimSpace(version.Out), oldestNode)
	}
	return nil
}

// install fetches the wallet's packages, unless those of this lock file are there.
func install(ctx context.Context, dir string) error {
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
		return fmt.Errorf("%w\nThe packages of test/wallets/js come from npm's registry: let this machine reach it, or name a mirror "+
			"with `npm config set registry URL`; then `npm ci --ignore-scripts` in that folder shows whether it works", err)
	}
	return os.WriteFile(stamp, []byte(want), 0o644)
}
