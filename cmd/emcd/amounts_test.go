package main_test

import (
	"maps"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/testutil/localnet"
)

const someone = "emc1fl48vsnmsdzcv85q5d2q4z5ajdha8yu3tlda3t"

// Every command that takes money understands the same amounts, and refuses the
// same mistakes, whoever wrote it.
func TestAmountsInCommands(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the real binary")
	}
	binary, home := localnet.Binary(t), filepath.Join(t.TempDir(), "home")
	t.Setenv("GOGC", "400") // a hundred commands, a sixth of whose time was garbage collection
	emcd := func(args ...string) (string, error) {
		out, err := exec.CommandContext(t.Context(), binary, append([]string{"--home", home}, args...)...).CombinedOutput()
		return string(out), err
	}
	offline := []string{"--generate-only", "--offline", "--account-number", "1", "--sequence", "1"}
	_, valoper, found := strings.Cut(mustRun(t, emcd, "debug", "addr", someone), "Bech32 Val: ")
	require.True(t, found)
	valoper, _, _ = strings.Cut(valoper, "\n")

	commands := map[string][]string{
		"bank send":              {"tx", "bank", "send", someone, someone, "AMOUNT"},
		"bank multi-send":        {"tx", "bank", "multi-send", someone, someone, someone, "AMOUNT"},
		"staking delegate":       {"tx", "staking", "delegate", valoper, "AMOUNT", "--from", someone},
		"staking unbond":         {"tx", "staking", "unbond", valoper, "AMOUNT", "--from", someone},
		"staking cancel-unbond":  {"tx", "staking", "cancel-unbond", valoper, "AMOUNT", "1", "--from", someone},
		"gov deposit":            {"tx", "gov", "deposit", "1", "AMOUNT", "--from", someone},
		"distribution pool":      {"tx", "distribution", "fund-community-pool", "AMOUNT", "--from", someone},
		"feegrant --spend-limit": {"tx", "feegrant", "grant", someone, "emc1tygms3xhhs3yv487phx3dw4a95jn7t7lll3v8l", "--spend-limit", "AMOUNT"},
		"authz --spend-limit":    {"tx", "authz", "grant", someone, "send", "--spend-limit", "AMOUNT", "--from", "emc1tygms3xhhs3yv487phx3dw4a95jn7t7lll3v8l"},
		"compute stake":          {"tx", "compute", "stake", someone, "AMOUNT", "--from", someone},
		"compute unstake":        {"tx", "compute", "unstake", someone, "AMOUNT", "--from", someone},
		"--fees of bank send":    {"tx", "bank", "send", someone, someone, "7uemc", "--fees", "AMOUNT"},
		"--fees of staking":      {"tx", "staking", "delegate", valoper, "7uemc", "--from", someone, "--fees", "AMOUNT"},
		"--fees of set-withdraw": {"tx", "distribution", "set-withdraw-addr", someone, "--from", someone, "--fees", "AMOUNT"},
		"transfer over IBC":      {"tx", "ibc-transfer", "transfer", "transfer", "channel-0", someone, "AMOUNT", "--from", someone, "--absolute-timeouts", "--packet-timeout-timestamp", "1893456000000000000"},
		"a proposal's --deposit": {"tx", "bank", "update-params-proposal", `{"default_send_enabled":true}`, "--title", "a", "--summary", "b", "--deposit", "AMOUNT", "--from", someone},
	}
	good := map[string]string{"0.5emc": "500000", "25uemc": "25"}
	bad := map[string]string{"0.0000001emc": "finer than 1 uemc", "5mec": "unknown denomination"}
	// The rest of what the parser knows is tried on one command of each kind.
	moreGood := map[string]string{"25emc": "25000000", "1.5EMC": "1500000"}
	moreBad := map[string]string{
		"1.5uemc": "finer than 1 uemc", "25": "no unit", strings.Repeat("9", 90) + "emc": "more than can be counted",
		"1e3emc": "unknown denomination", "5ibc/ABC": "IBC denomination",
	}
	for name, command := range commands {
		t.Run(name, func(t *testing.T) {
			with := func(amount string) []string {
				args := append([]string{}, command...)
				for i, arg := range args {
					if arg == "AMOUNT" {
						args[i] = amount
					}
				}
				return append(args, offline...)
			}
			good, bad := maps.Clone(good), maps.Clone(bad)
			if name == "bank send" || name == "gov deposit" {
				maps.Copy(good, moreGood)
				maps.Copy(bad, moreBad)
			}
			for in, want := range good {
				out, err := emcd(with(in)...)
				require.NoError(t, err, "%s: %s", in, out)
				compact := strings.Join(strings.Fields(out), "")
				require.Contains(t, compact, `{"denom":"uemc","amount":"`+want+`"}`, in)
			}
			for in, says := range bad {
				out, err := emcd(with(in)...)
				require.Error(t, err, "%s was taken: %s", in, out)
				require.Contains(t, out, says, in)
				require.NotContains(t, out, "Usage:", in)
			}
		})
	}
	t.Run("negative", func(t *testing.T) {
		out, err := emcd("tx", "gov", "deposit", "1", "--from", someone, "--offline", "--generate-only", "--", "-5emc")
		require.Error(t, err)
		require.Contains(t, out, "cannot be negative")
	})
	t.Run("genesis account", func(t *testing.T) {
		_, err := emcd("init", "amounts", "--chain-id", "x")
		require.NoError(t, err)
		out, err := emcd("genesis", "add-genesis-account", someone, "0.0000001emc")
		require.Error(t, err, out)
		out, err = emcd("genesis", "add-genesis-account", someone, "12.5emc")
		require.NoError(t, err, out)
		genesis := mustRun(t, func(args ...string) (string, error) {
			out, err := exec.CommandContext(t.Context(), "cat", args...).CombinedOutput()
			return string(out), err
		}, filepath.Join(home, "config", "genesis.json"))
		require.Contains(t, strings.Join(strings.Fields(genesis), ""), `{"denom":"uemc","amount":"12500000"}`)
	})
	t.Run("a foreign coin passes", func(t *testing.T) {
		voucher := "ibc/27394FB092D2ECCD56123C74F36E4C1F926001CEADA9CA97EA622B25F41E5EB2"
		out, err := emcd(append([]string{"tx", "bank", "send", someone, someone, "12" + voucher}, offline...)...)
		require.NoError(t, err, out)
		require.Contains(t, out, voucher)
	})
}

func mustRun(t *testing.T, run func(...string) (string, error), args ...string) string {
	t.Helper()
	out, err := run(args...)
	require.NoError(t, err, out)
	return out
}
