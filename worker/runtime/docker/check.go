package docker

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	goruntime "runtime"
	"time"

	"github.com/edgematrix/emc/pkg/image"
	"github.com/edgematrix/emc/worker/runtime"
)

// Check implements runtime.Runtime: it runs a probe as any other job, and looks
// at what came out.
func (r *Runtime) Check(ctx context.Context) error {
	if _, err := r.engine.about(ctx, r.now()); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "emc-docker-check-*")
	if err != nil {
		return fmt.Errorf("docker runtime: cannot make a temporary directory: %w; free some space or set TMPDIR", err)
	}
	defer os.RemoveAll(dir)
	task, log, err := probeTask(dir)
	if err != nil {
		return fmt.Errorf("docker runtime: cannot write a probe to %s: %w; free some space or set TMPDIR", dir, err)
	}
	result, err := r.Run(ctx, task)
	switch {
	case err != nil:
		return fmt.Errorf("docker runtime: a probe could not run: %w", err)
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case result.Reason != runtime.ReasonExited || result.ExitCode != 0:
		return fmt.Errorf("docker runtime: a probe failed with %s, code %d: %s", result.Reason, result.ExitCode, result.Message)
	case len(result.Outputs) != 1 || result.Outputs[0].SHA256 != task.Inputs[0].SHA256:
		return fmt.Errorf("docker runtime: a probe left the wrong output: %+v; please report this", result.Outputs)
	case log.String() != probeLog:
		return fmt.Errorf("docker runtime: a probe left the wrong log %q; please report this", log.String())
	}
	return nil
}

func probeTask(dir string) (runtime.Task, *bytes.Buffer, error) {
	program, err := probeProgram(goruntime.GOARCH)
	if err != nil {
		return runtime.Task{}, nil, err
	}
	layer, err := image.FileLayer([]image.File{{Path: "probe", Mode: 0o755, Content: program}})
	if err != nil {
		return runtime.Task{}, nil, err
	}
	var packed bytes.Buffer
	if _, err := image.Write(&packed, image.Image{
		Config: image.Config{Entrypoint: []string{"/probe"}}, Layers: []image.Layer{layer}, Tag: "emc-probe:1",
	}); err != nil {
		return runtime.Task{}, nil, err
	}
	input := []byte("computing power\n")
	artifact, host := filepath.Join(dir, "probe.tar"), filepath.Join(dir, "input")
	if err := errors.Join(os.WriteFile(artifact, packed.Bytes(), 0o600), os.WriteFile(host, input, 0o600)); err != nil {
		return runtime.Task{}, nil, err
	}
	log := &bytes.Buffer{}
	return runtime.Task{
		ID:             "check",
		Artifact:       artifact,
		ArtifactSHA256: digest(packed.Bytes()),
		Inputs:         []runtime.File{{Path: probeFile, Host: host, Size: int64(len(input)), SHA256: digest(input)}},
		OutputDir:      filepath.Join(dir, "outputs"),
		Log:            log,
		Limits: runtime.Limits{
			Duration: 60 * time.Second, MemoryBytes: 16 << 20,
			OutputBytes: 1 << 10, OutputFiles: 1, LogBytes: 1 << 10,
		},
	}, log, nil
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
