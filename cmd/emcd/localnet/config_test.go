package localnet

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	_ "github.com/edgematrix/emc/app/params"
	"github.com/edgematrix/emc/testutil/localnet"
)

// The built-in configuration is the repository's: whoever runs emcd elsewhere
// gets the same network.
func TestBuiltInConfig(t *testing.T) {
	file, err := os.ReadFile(filepath.Join(localnet.Root(), "config.yml"))
	require.NoError(t, err)
	require.Equal(t, string(file), string(defaultConfig), "copy config.yml to cmd/emcd/localnet/default.yml")
	_, err = parseConfig(defaultConfig)
	require.NoError(t, err)
}

func TestParseConfig(t *testing.T) {
	const base = `
accounts:
  - {name: v, coins: [10emc]}
  - {name: f, coins: [5emc]}
validators: [{name: v, bonded: 5emc}]
`
	const words = "peace slot song never warm tennis water immune fee window present produce update snow family only era angry yard enlist ketchup damp way west"
	for _, test := range []struct{ name, in, says string }{
		{"success - least", base, ""},
		{"success - faucet", base + "faucet: {name: f, coins: [1emc], host: ':9', port: 8}", ""},
		{"success - mnemonic", "accounts: [{name: v, coins: [10emc], mnemonic: " + words + "}]\nvalidators: [{name: v, bonded: 5emc}]", ""},
		{"error - empty", "", "at least the validator's account"},
		{"error - no YAML", "accounts: [", "not a valid YAML"},
		{"error - unknown key", base + "facuet: {}", `line 6: unknown key "facuet"`},
		{"error - unknown inner key", base + "faucet: {nick: f}", `unknown key "nick"`},
		{"error - version", base + "version: 2", "version 2 is not supported"},
		{"error - nameless", "accounts: [{coins: [1emc]}]", "number 1 has no name"},
		{"error - twice", "accounts: [{name: v}, {name: v}]", "there twice"},
		{"error - coins", "accounts: [{name: v, coins: [1mec]}]", "unknown denomination"},
		{"error - too fine", "accounts: [{name: v, coins: [0.0000001emc]}]", "finer than 1 uemc"},
		{"error - mnemonic", "accounts: [{name: v, mnemonic: peace slot}]", "mnemonic is not valid"},
		{"error - address", "accounts: [{name: v, address: cosmos1x}]", "accounts: v: address"},
		{"error - no validator", "accounts: [{name: v}]", "exactly one, not 0"},
		{"error - stranger", "accounts: [{name: v}]\nvalidators: [{name: w, bonded: 1emc}]", "not among the accounts"},
		{"error - bonds too much", "accounts: [{name: v, coins: [1emc]}]\nvalidators: [{name: v, bonded: 2emc}]", "bonds 2 EMC but has only 1 EMC"},
		{"error - bonds too little", "accounts: [{name: v, coins: [1emc]}]\nvalidators: [{name: v, bonded: 2uemc}]", "too little"},
		{"error - faucet's account", base + "faucet: {name: x}", `"x" is not among the accounts`},
		{"error - nameless faucet", base + "faucet: {port: 1}", "name the account that pays"},
		{"error - port", base + "faucet: {name: f, port: 70000}", "port 70000 is no port"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := parseConfig([]byte(test.in))
			if test.says == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, test.says)
		})
	}
}

func TestMerge(t *testing.T) {
	base := func() map[string]any {
		return map[string]any{"a": map[string]any{"b": "1", "c": []any{"x"}}, "d": "2"}
	}
	got := base()
	require.NoError(t, merge(got, map[string]any{"a": map[string]any{"c": []any{"y", "z"}}}, ""))
	require.Equal(t, map[string]any{"a": map[string]any{"b": "1", "c": []any{"y", "z"}}, "d": "2"}, got)

	require.ErrorContains(t, merge(base(), map[string]any{"a": map[string]any{"e": 1}}, ""), `unknown key "a.e"`)
	require.ErrorContains(t, merge(base(), map[string]any{"a": "flat"}, ""), `"a" holds further keys`)
}

func TestFaucetListen(t *testing.T) {
	for want, f := range map[string]Faucet{
		"127.0.0.1:4500": {}, "127.0.0.1:80": {Port: 80}, "0.0.0.0:81": {Host: "0.0.0.0", Port: 81},
		"127.0.0.1:82": {Host: ":82"}, "10.0.0.1:83": {Host: "10.0.0.1:83"},
	} {
		require.Equal(t, want, f.listen())
	}
}
