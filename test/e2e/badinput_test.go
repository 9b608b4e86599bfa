package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/test/e2e/rig"
)

// Bad amounts and names on the command line: a clear error, and nothing changes.
func TestBadCommandLine(t *testing.T) {
	t.Parallel()
	s := newStage(t, shared)
	w := s.worker()
	before, err := s.net.Open(s.ctx, s.customer.Address)
	require.NoError(t, err)
	wasThere, err := s.net.Node(s.ctx, w.Address)
	require.NoError(t, err)

	amounts := map[string]string{
		"zero": "0emc", "negative": "-1emc", "overflow": "99999999999999999999999999999999999emc",
		"foreign": "5atom", "finer than one uemc": "0.0000001emc", "no number": "emc", "no unit": "5", "empty": "",
	}
	key := []string{"--from", s.customer.Key, "--keyring-backend", "test", "--yes", "--gas-prices", "0.01uemc"}
	for name, amount := range amounts {
		for verb, args := range map[string][]string{
			"send":      {"tx", "bank", "send", s.customer.Address, w.Operator, "--", amount},
			"stake":     {"tx", "compute", "stake", "--", w.Address, amount},
			"max price": {"job", "run", "--app", wasm.app, "--worker", w.Address, "--max-price=" + amount},
		} {
			if name == "empty" && verb == "max price" {
				continue // not giving a price is no mistake
			}
			t.Run(verb+" "+name, func(t *testing.T) {
				said, err := s.net.Emcd(s.ctx, flagsFirst(args, key)...)
				if err == nil { // the node may be the one to refuse
					require.NotContains(t, said.Out, `"code":0`)
					require.NotContains(t, said.Out, "\ncode: 0")
				}
				words := said.Err + said.Out
				t.Logf("%s", rig.Tail(words, 1))
				require.NotContains(t, words, "panic")
				require.NotEmpty(t, strings.TrimSpace(words))
			})
		}
	}
	for name, args := range map[string][]string{
		"unknown app":    {"job", "run", "--app", "no-such-app"},
		"empty app":      {"job", "run", "--app", ""},
		"overlong app":   {"job", "run", "--app", strings.Repeat("a", 500)},
		"unknown node":   {"job", "run", "--app", wasm.app, "--worker", s.customer.Address},
		"not a node":     {"job", "run", "--app", wasm.app, "--worker", "emc1nonsense"},
		"missing input":  {"job", "run", "--app", wasm.app, "--input", filepath.Join(t.TempDir(), "none")},
		"unknown job":    {"job", "cancel", strings.Repeat("0", 32)},
		"bad app digest": {"tx", "compute", "register-app", "app-x", "wasm", "abc", "--interface", "batch"},
		"empty app id":   {"tx", "compute", "register-app", "", "wasm", strings.Repeat("a", 64), "--interface", "batch"},
	} {
		t.Run(name, func(t *testing.T) {
			said, err := s.net.Emcd(s.ctx, flagsFirst(args, key)...)
			require.Error(t, err, "%s", said.Out)
			t.Logf("%s", rig.Tail(said.Err, 1))
			require.NotContains(t, said.Err, "panic")
			require.NotEmpty(t, strings.TrimSpace(said.Err))
		})
	}
	after, err := s.net.Open(s.ctx, s.customer.Address)
	require.NoError(t, err)
	require.Equal(t, before.Uemc, after.Uemc, "nothing was spent")
	stillThere, err := s.net.Node(s.ctx, w.Address)
	require.NoError(t, err)
	require.Equal(t, wasThere.Stake, stillThere.Stake)
	s.check()

	t.Run("worker settings", func(t *testing.T) { badSettings(t, s) })
	t.Run("no Engine", func(t *testing.T) { absentEngine(t, s) })
}

// absentEngine: whoever offers containers without an Engine is told what to do,
// before anything is registered.
func absentEngine(t *testing.T, s *stage) {
	w := s.home("no-engine")
	w.Env = []string{rig.EnvEngine + "=unix://" + filepath.Join(t.TempDir(), "docker.sock")}
	said, err := w.Run(s.ctx, "up", "--localnet", s.net.Home, "--runtimes", "wasm,docker")
	require.Error(t, err)
	require.Contains(t, said.Out+said.Err, "install Docker Engine")
	require.NotContains(t, said.Out+said.Err, "MsgRegisterNode")
	said, err = w.Run(s.ctx, "doctor")
	require.Error(t, err)
	require.Contains(t, said.Out+said.Err, "install Docker Engine")
}

// flagsFirst puts flags before the "--" that protects a negative amount.
func flagsFirst(args, flags []string) []string {
	for i, a := range args {
		if a == "--" {
			return append(append(append([]string{}, args[:i]...), flags...), args[i:]...)
		}
	}
	return append(append([]string{}, args...), flags...)
}

// badSettings changes one line of a good config.toml at a time.
func badSettings(t *testing.T, s *stage) {
	w := s.home("settings")
	_, err := w.Run(s.ctx, "init", "--localnet", s.net.Home)
	require.NoError(t, err)
	path := filepath.Join(w.Home, "config.toml")
	good, err := os.ReadFile(path)
	require.NoError(t, err)
	for _, tc := range []struct{ name, change, to, says string }{
		{"wrong chain id", s.net.ChainID, "emc-other-9", "emc-other-9"},
		{"unknown key", "[offer]", "[offer]\nprise = \"1emc\"", "prise"},
		{"bad price", "0.36emc", "0.0000001emc", "0.0000001emc"},
		{"unknown runtime", `runtimes = ["wasm"]`, `runtimes = ["dokcer"]`, "dokcer"},
		{"an Engine elsewhere", `host = ""`, `host = "tcp://127.0.0.1:2375"`, "docker.host"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			require.Contains(t, string(good), tc.change)
			require.NoError(t, os.WriteFile(path, []byte(strings.Replace(string(good), tc.change, tc.to, 1)), 0o600))
			for _, verb := range []string{"start", "doctor"} {
				said, err := w.Run(s.ctx, verb)
				require.Error(t, err)
				require.Contains(t, said.Out+said.Err, tc.says, verb)
			}
		})
	}
	require.NoError(t, os.WriteFile(path, good, 0o600))
	said, err := w.Run(s.ctx, "init", "--localnet", s.net.Home)
	require.Error(t, err, "nothing is overwritten")
	require.NotEmpty(t, said.Err)
	now, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, good, now)
}
