package e2e

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/edgematrix/emc/test/e2e/rig"
)

// EnvBinaries names a folder with emcd, emc-worker and charlm.wasm, from the
// repository's root if it is relative.
const EnvBinaries = "EMC_E2E_BIN"

// What the tests share; set by TestMain before any test runs.
var (
	binaries rig.Binaries
	// wasm and docker are the guest for each runtime.
	wasm, docker program
	// engine is the Docker Engine, noEngine why there is none.
	engine   *rig.Engine
	noEngine error
	shared   *site
)

// sideBySide is how many tests run at once: they wait for blocks and windows
// more than they compute.
const sideBySide = 6

func TestMain(m *testing.M) {
	flag.Parse()
	if testing.Short() {
		fmt.Println("the black-box tests are left out under -short; `make test-e2e` runs them")
		os.Exit(0)
	}
	if err := rig.SideBySide(sideBySide); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		os.Exit(1)
	}
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	ctx := context.Background()
	root, err := rig.Root()
	if err != nil {
		return 1, err
	}
	dir, err := os.MkdirTemp("", "emc-e2e-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	if given := os.Getenv(EnvBinaries); given != "" {
		if !filepath.IsAbs(given) {
			given = filepath.Join(root, given)
		}
		binaries = rig.Binaries(given)
	} else {
		binaries = rig.Binaries(filepath.Join(root, "build", "test"))
		if err := rig.Build(ctx, root, binaries); err != nil {
			return 1, err
		}
	}
	if err := binaries.Check(); err != nil {
		return 1, err
	}
	if err := pack(ctx, root, dir); err != nil {
		return 1, err
	}
	defer forget(ctx)
	if shared, err = newSite(ctx, filepath.Join(dir, "shared")); err != nil {
		return 1, err
	}
	defer func() {
		if stop := shared.net.Stop(); err == nil && stop != nil {
			err = fmt.Errorf("the network did not stop as it should: %w", stop)
		}
	}()
	return m.Run(), nil
}
