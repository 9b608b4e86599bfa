package wasm

import (
	"context"
	"fmt"

	"github.com/edgematrix/emc/worker/runtime"
)

// Isolation implements runtime.Runtime. The child uses Landlock and seccomp
// wherever kernel and build can, and fails to start when they then refuse; so what
// is found here is what a job gets.
func (r *Runtime) Isolation(ctx context.Context) (runtime.Tier, string, error) {
	if err := r.Check(ctx); err != nil {
		return runtime.TierNone, "", err
	}
	landlock, seccomp := landlockVersion(), hasSeccomp()
	if !allThreads() {
		landlock = 0
	}
	words := fmt.Sprintf("WebAssembly in a process of its own; Landlock version %d, seccomp %t", landlock, seccomp)
	if landlock >= minLandlock && seccomp {
		return runtime.TierUser, words, nil
	}
	return runtime.TierContainer, words, nil
}
