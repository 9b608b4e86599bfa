//go:build linux

package docker

import (
	"path/filepath"
	"testing"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"
)

// BenchmarkRun is a whole hardened cycle of a program that does nothing.
func BenchmarkRun(b *testing.B) {
	r := newRun(b, "exit", "0")
	r.rt = newTestRuntime(b, nil)
	for b.Loop() {
		r.OutputDir = filepath.Join(b.TempDir(), "out")
		result, err := r.rt.Run(b.Context(), r.Task)
		require.NoError(b, err)
		require.Zero(b, result.ExitCode)
	}
}

// BenchmarkPlain is a container of the same image without any of it, and no network either.
func BenchmarkPlain(b *testing.B) {
	r := newRun(b, "exit", "0")
	rt := newTestRuntime(b, nil)
	img, release, err := rt.images.ensure(b.Context(), r.Task)
	require.NoError(b, err)
	release()
	for b.Loop() {
		api, name := rt.engine.api, newRunID().job()
		_, err := api.ContainerCreate(b.Context(), client.ContainerCreateOptions{
			Name: name, Config: &container.Config{Image: img.ID, Cmd: r.Args}, HostConfig: &container.HostConfig{NetworkMode: "none"},
		})
		require.NoError(b, err)
		_, err = api.ContainerStart(b.Context(), name, client.ContainerStartOptions{})
		require.NoError(b, err)
		_, err = rt.exitCode(b.Context(), name)
		require.NoError(b, err)
		_, err = api.ContainerRemove(b.Context(), name, client.ContainerRemoveOptions{})
		require.NoError(b, err)
	}
}
