package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/test/e2e/rig"
)

// EnvRequire set to 1 makes a test that lacks its Docker Engine fail.
const EnvRequire = "EMC_REQUIRE_DOCKER"

// program is the guest, packed for one runtime.
type program struct {
	runtime string
	// app is its id in the registry, file its artifact.
	app, file string
}

// pack makes the guest for both runtimes, and looks for an Engine.
func pack(ctx context.Context, root, dir string) error {
	const source = "./test/e2e/guest"
	wasm = program{runtime: "wasm", app: "guest", file: filepath.Join(dir, "guest.wasm")}
	docker = program{runtime: "docker", app: "guest-image", file: filepath.Join(dir, "guest.tar")}
	if err := rig.BuildGuest(ctx, root, wasm.file, source); err != nil {
		return err
	}
	if err := rig.BuildImage(ctx, root, docker.file, source); err != nil {
		return err
	}
	if engine, noEngine = rig.OpenEngine(""); noEngine == nil {
		noEngine = engine.Ping(ctx)
	}
	return nil
}

// forget removes the guest's image from the Engine: the workers that loaded it
// are gone with their lists.
func forget(ctx context.Context) {
	if noEngine != nil {
		return
	}
	if digest, err := rig.Digest(docker.file); err == nil {
		_ = engine.RemoveImage(ctx, "emc-app:"+digest) // nobody may have loaded it
	}
}

// needsEngine skips a test without an Engine, or fails it where one has to be.
func needsEngine(t *testing.T) {
	t.Helper()
	if noEngine != nil {
		missing(t, noEngine)
	}
}

func missing(t *testing.T, why error) {
	t.Helper()
	if os.Getenv(EnvRequire) == "1" {
		t.Fatalf("%s=1, and there is no Docker Engine: %v", EnvRequire, why)
	}
	t.Skipf("no Docker Engine: %v", why)
}

// each runs a test once for every runtime, side by side.
func each(t *testing.T, test func(t *testing.T, p program)) {
	t.Parallel()
	for _, p := range []program{wasm, docker} {
		t.Run(p.runtime, func(t *testing.T) {
			if p == docker {
				needsEngine(t)
			}
			t.Parallel()
			test(t, p)
		})
	}
}

// serving are the flags of a worker that runs the program.
func (p program) serving() []string {
	if p == docker {
		return []string{"--runtimes", "wasm,docker"}
	}
	return nil
}

// running makes the stage's customer run a program.
func (s *stage) running(p program) *stage {
	s.program = p
	return s
}

// tidyUp waits until nothing of the workers is left in the Engine.
func (s *stage) tidyUp() {
	s.Helper()
	if noEngine != nil {
		return
	}
	for _, w := range s.workers {
		label := rig.OwnerLabel + "=" + w.Address
		require.NoError(s, rig.Eventually(s.ctx, patience, "nothing of the worker is left in the Engine", func() (bool, error) {
			containers, err := s.engine.Containers(s.ctx, label)
			if err != nil {
				return false, err
			}
			volumes, err := s.engine.Volumes(s.ctx, label)
			return err == nil && len(containers)+len(volumes) == 0, errors.Join(fmt.Errorf("%v %v", containers, volumes), err)
		}))
	}
}
