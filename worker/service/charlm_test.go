//go:build linux

package service

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/session/call"
	"github.com/edgematrix/emc/worker/runtime"
	"github.com/edgematrix/emc/worker/runtime/wasm"
)

// childArg makes the test binary act as the wasm runtime's child.
const childArg = "wasm-child"

func TestMain(m *testing.M) {
	if len(os.Args) >= 2 && os.Args[1] == childArg {
		os.Exit(wasm.Child())
	}
	os.Exit(m.Run())
}

func goRun(t *testing.T, env []string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Env = append(cmd.Environ(), append(env, "CGO_ENABLED=0")...)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
}

func file(t *testing.T, path string) runtime.File {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	sum := sha256.Sum256(b)
	return runtime.File{Path: filepath.Base(path), Host: path, Size: int64(len(b)), SHA256: hex.EncodeToString(sum[:])}
}

// The real app in the real sandbox.
func TestCharlm(t *testing.T) {
	dir := t.TempDir()
	module, text, weights := filepath.Join(dir, "charlm.wasm"), filepath.Join(dir, "text"), filepath.Join(dir, "weights.bin")
	const app = "github.com/edgematrix/emc/apps/charlm"
	goRun(t, []string{"GOOS=wasip1", "GOARCH=wasm"}, "build", "-trimpath", "-ldflags=-s -w", "-o", module, app)
	require.NoError(t, os.WriteFile(text, []byte(strings.Repeat("the quick brown fox jumps over the lazy dog.\n", 400)), 0o600))
	goRun(t, nil, "run", app, "train", "--input", text, "--out", weights, "--steps", "60", "--min-margin", "-9")
	rt, err := wasm.New(wasm.Config{ChildArgs: []string{childArg}, CacheDir: filepath.Join(dir, "cache"), Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)

	program := file(t, module)
	log := &bytes.Buffer{}
	s := newScene(t, func(c *Config) {
		c.Runtime, c.Processes, c.Patience, c.Start = rt, 2, 20*time.Second, time.Minute
		c.Task = runtime.Task{
			ID: "service/charlm", Artifact: module, ArtifactSHA256: program.SHA256, Args: []string{"serve", "--weights", "/in/weights.bin"},
			Inputs: []runtime.File{file(t, weights)}, OutputDir: filepath.Join(dir, "out"), Log: log,
			Limits: runtime.Limits{MemoryBytes: 256 << 20, OutputBytes: 1 << 20, OutputFiles: 10, LogBytes: 1 << 20},
		}
	})
	ask := func(ctx context.Context, tokens int, stream bool, each func(call.Piece) error) got {
		body := fmt.Sprintf(`{"model":"charlm","prompt":"the ","max_tokens":%d,"stream":%v}`, tokens, stream)
		return s.ask(ctx, 1, 1<<40, "POST", "/v1/completions", body, each)
	}
	g := ask(t.Context(), 40, false, nil)
	require.NoError(t, g.err, log)
	require.Contains(t, g.body, `"usage":{"prompt_tokens":4,"completion_tokens":40,"total_tokens":44}`)
	require.Equal(t, uint64(44), g.units)

	streamed := ask(t.Context(), 400, true, nil)
	require.NoError(t, streamed.err)
	require.Equal(t, uint64(400), streamed.units, "a chunk for each token")
	require.Greater(t, streamed.pieces, 10, "it does not flow")

	// In the middle of a long answer the customer goes away.
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	g = ask(ctx, 1_000_000, true, func(call.Piece) error {
		if n++; n == 5 {
			cancel()
		}
		return nil
	})
	require.ErrorIs(t, g.err, context.Canceled)
	again := ask(t.Context(), 400, true, nil)
	require.NoError(t, again.err)
	require.Equal(t, streamed.body, again.body, "the same request, another answer")

	// While the node proves, nothing is written; afterwards it goes on.
	n = 0
	g = ask(t.Context(), 4000, true, func(call.Piece) error {
		if n++; n == 5 {
			s.Hold(true)
			require.NoError(t, rt.Freeze(t.Context()))
			time.AfterFunc(200*time.Millisecond, func() {
				_ = rt.Thaw(context.Background())
				s.Hold(false)
			})
		}
		return nil
	})
	require.NoError(t, g.err)
	require.Equal(t, uint64(4000), g.units)
	require.Empty(t, log.String())
}
