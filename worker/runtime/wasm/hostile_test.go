//go:build linux

package wasm

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/worker/runtime"
)

// TestEscape lets a program try every way to a file of the worker's. None may
// open, nothing may appear outside, and the secret may not appear anywhere.
func TestEscape(t *testing.T) {
	const secret = "the worker's key"
	host := t.TempDir()
	key := filepath.Join(host, "node_key.json")
	require.NoError(t, os.WriteFile(key, []byte(secret), 0o600))

	r := newRun(t, "escape", key)
	// The key lies beside the very directories that the program writes to.
	r.OutputDir = filepath.Join(host, "job", "out")
	require.NoError(t, os.Mkdir(filepath.Dir(r.OutputDir), 0o700))
	r.input(t, "link0", "an input by the name of a link")
	result := r.do(t)
	requireExit(t, r, result, 0)

	log := r.log.String()
	require.Greater(t, strings.Count(log, "refused"), 500)
	require.NotContains(t, log, "STOLEN \""+secret)
	for line := range strings.Lines(log) {
		if strings.Contains(line, "OPEN") {
			// The input link0 and /in and /out themselves may be looked at.
			require.Regexp(t, `^through symlink \S+ (open|stat|lstat) OPEN|^fd [34] empty l?stat OPEN|^own directory empty l?stat OPEN`, line)
		}
	}
	require.NotContains(t, log, secret)
	require.Equal(t, []string{"own"}, paths(result.Outputs))
	left, err := os.ReadDir(host)
	require.NoError(t, err)
	require.Len(t, left, 2, "something was made outside: %v", left)
	content, err := os.ReadFile(key)
	require.NoError(t, err)
	require.Equal(t, secret, string(content))
	require.NoFileExists(t, "/tmp/emc-stolen")
}

func TestHostileCalls(t *testing.T) {
	for name, check := range map[string]func(t *testing.T, r *run, result runtime.Result){
		"names": func(t *testing.T, r *run, result runtime.Result) {
			requireExit(t, r, result, 0)
		},
		"handles": func(t *testing.T, r *run, result runtime.Result) {
			requireExit(t, r, result, 0)
			// /in and /out themselves may hold two of them.
			require.Regexp(t, `^refused after 51[0-2]\n$`, r.log.String())
		},
		"renumber": func(t *testing.T, r *run, result runtime.Result) {
			// wazero's table would need 16 GiB: the child may die of it, the host not.
			require.Less(t, result.PeakMemory, int64(2<<30))
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRun(t, name)
			check(t, r, r.do(t))
		})
	}
}

// TestTraps runs modules that no Go compiler would make.
func TestTraps(t *testing.T) {
	recursion := append([]byte{0x10, 0}, 0x0b)
	for name, c := range map[string]struct {
		module []byte
		code   int
		says   string
	}{
		"normal end":        {moduleWith([]byte{0x0b}), 0, "normally"},
		"unreachable":       {moduleWith([]byte{0x00, 0x0b}), runtime.CrashExitCode, "unreachable"},
		"endless recursion": {moduleWith(recursion), runtime.CrashExitCode, "stack overflow"},
		"out of bounds":     {moduleWith([]byte{0x41, 0x7f, 0x28, 2, 0, 0x1a, 0x0b}), runtime.CrashExitCode, "out of bounds"},
		"invalid code":      {moduleWith([]byte{0x6a, 0x0b}), runtime.CrashExitCode, "not one that this runtime can run"},
		"not a module":      {[]byte("#!/bin/sh\nrm -rf /\n"), runtime.CrashExitCode, "not one that this runtime can run"},
		"empty":             {nil, runtime.CrashExitCode, "not one that this runtime can run"},
		"a library":         {[]byte("\x00asm\x01\x00\x00\x00"), runtime.CrashExitCode, "_start"},
		"foreign import":    {moduleImporting("env", "fork"), runtime.CrashExitCode, `"fork" from "env"`},
		"sockets of wasix":  {moduleImporting("wasi_snapshot_preview1", "sock_open"), runtime.CrashExitCode, "sock_open"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "module.wasm")
			require.NoError(t, os.WriteFile(path, c.module, 0o600))
			r := runOf(t, path)
			result := r.do(t)
			requireExit(t, r, result, c.code)
			require.Contains(t, result.Message, c.says)
		})
	}
}

func moduleWith(code []byte) []byte {
	return concat(
		[]byte("\x00asm\x01\x00\x00\x00"),
		section(1, 1, []byte{0x60, 0, 0}),
		section(3, 1, []byte{0}),
		section(5, 1, []byte{0, 1}),
		section(7, 1, vec([]byte("_start")), []byte{0, 0}),
		section(10, 1, vec(concat([]byte{0}, code))),
	)
}

func moduleImporting(module, name string) []byte {
	return concat(
		[]byte("\x00asm\x01\x00\x00\x00"),
		section(1, 1, []byte{0x60, 0, 0}),
		section(2, 1, vec([]byte(module)), vec([]byte(name)), []byte{0, 0}),
		section(3, 1, []byte{0}),
		section(7, 1, vec([]byte("_start")), []byte{0, 1}),
		section(10, 1, vec([]byte{0, 0x10, 0, 0x0b})),
	)
}
