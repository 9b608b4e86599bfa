package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
)

// The module under wazero's compiler writes the same weights, text and log as the native program, byte for byte.
func TestWasmEqualsNative(t *testing.T) {
	dir := t.TempDir()
	module := filepath.Join(dir, "charlm.wasm")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", module, ".")
	build.Env = append(build.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	output, err := build.CombinedOutput()
	require.NoError(t, err, "%s", output)
	code, err := os.ReadFile(module)
	require.NoError(t, err)

	runtime := wazero.NewRuntimeWithConfig(t.Context(), wazero.NewRuntimeConfigCompiler())
	defer func() { require.NoError(t, runtime.Close(t.Context())) }()
	wasi_snapshot_preview1.MustInstantiate(t.Context(), runtime)
	compiled, err := runtime.CompileModule(t.Context(), code)
	require.NoError(t, err)

	in, guestOut, nativeOut := t.TempDir(), t.TempDir(), t.TempDir()
	stdin := ""
	guest := func(args ...string) string {
		var stdout, stderr bytes.Buffer
		config := wazero.NewModuleConfig().WithArgs(append([]string{"charlm"}, args...)...).WithStdout(&stdout).WithStderr(&stderr).
			WithStdin(strings.NewReader(stdin)).WithName("").WithFSConfig(wazero.NewFSConfig().WithReadOnlyDirMount(in, "/in").WithDirMount(guestOut, "/out"))
		instance, err := runtime.InstantiateModule(t.Context(), compiled, config)
		require.NoError(t, err, stderr.String()) // a non-zero exit code is an error here
		require.NoError(t, instance.Close(t.Context()))
		return stdout.String()
	}
	same := func(name string) []byte {
		a, err := os.ReadFile(filepath.Join(guestOut, name))
		require.NoError(t, err)
		b, err := os.ReadFile(filepath.Join(nativeOut, name))
		require.NoError(t, err)
		require.True(t, bytes.Equal(a, b), "%s differs", name)
		return a
	}

	text := prose(8000) + rich(400) // characters, and characters spelled as bytes
	require.NoError(t, os.WriteFile(filepath.Join(in, "text"), []byte(text), 0o600))
	guestLog := guest("train", "--input", "/in/text", "--steps", "120", "--min-margin", "-9")
	status, nativeLog, stderr := charlm("train", "--input", filepath.Join(in, "text"),
		"--out", filepath.Join(nativeOut, "weights.bin"), "--steps", "120", "--min-margin", "-9")
	require.Equal(t, exitOK, status, stderr)
	require.Equal(t, result(t, nativeLog), result(t, guestLog))

	require.NoError(t, os.WriteFile(filepath.Join(in, "weights.bin"), same("weights.bin"), 0o600))
	guestText := guest("generate", "--weights", "/in/weights.bin", "--prompt", "the ", "--length", "200")
	status, nativeText, stderr := charlm("generate", "--weights", filepath.Join(nativeOut, "weights.bin"),
		"--out", filepath.Join(nativeOut, "text.txt"), "--prompt", "the ", "--length", "200")
	require.Equal(t, exitOK, status, stderr)
	require.Equal(t, nativeText, guestText)
	same("text.txt")

	body := `{"model":"charlm","prompt":"the ","max_tokens":50,"stream":true}`
	stdin = fmt.Sprintf("POST /v1/completions HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	stdin += stdin + "GET /v1/models HTTP/1.1\r\n\r\n"
	var native strings.Builder
	require.NoError(t, serveCommand([]string{"--weights", filepath.Join(nativeOut, "weights.bin")}, strings.NewReader(stdin), &native))
	require.Equal(t, native.String(), guest("serve", "--weights", "/in/weights.bin"))
	require.Equal(t, 2, strings.Count(native.String(), "data: [DONE]"))
}
