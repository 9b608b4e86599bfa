package main_test

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/testutil/localnet"
)

// One network serves all of these: starting one takes seconds.
func TestLocalnet(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the real binary")
	}
	n := localnet.Start(t, localnet.Options{})
	require.Equal(t, "emc-local-1", n.ChainID)
	require.Contains(t, n.Output(), "alice")

	t.Run("the faucet pays", func(t *testing.T) {
		n.MustEmcd("keys", "add", "dora", "--output", "json")
		address := n.Address("dora")
		code, _, answer := n.Credit(address)
		require.Equal(t, http.StatusOK, code, answer)
		require.EqualValues(t, 100_000_000, n.Balance(address), "the default is 100 EMC")
		require.Contains(t, n.MustEmcd("query", "tx", answer["tx_hash"].(string)), address)

		code, _, answer = n.Credit(address, "0.5emc")
		require.Equal(t, http.StatusOK, code, answer)
		require.EqualValues(t, 100_500_000, n.Balance(address))
	})
	t.Run("the faucet refuses mistakes", func(t *testing.T) {
		for name, request := range map[string][]string{
			"cosmos1": {"cosmos1fl48vsnmsdzcv85q5d2q4z5ajdha8yu34mf0eh"}, "nobody": {""}, "words": {"alice"},
			"too much": {n.Address("bob"), "1000001emc"}, "foreign": {n.Address("bob"), "1stake"}, "nothing": {n.Address("bob"), "0emc"},
			"negative": {n.Address("bob"), "-1emc"}, "module": {"emc17xpfvakm2amg962yls6f84z3kell8c5lwa8jrp"},
		} {
			code, _, answer := n.Credit(request[0], request[1:]...)
			require.Equal(t, http.StatusBadRequest, code, name)
			require.NotEmpty(t, answer["error"], name)
		}
	})
	t.Run("the faucet holds back a flood", func(t *testing.T) {
		address := n.Address("carol")
		before := n.Balance(address)
		paid, refused := 0, 0
		for range 6 {
			code, header, _ := n.Credit(address, "1emc")
			switch code {
			case http.StatusOK:
				paid++
			case http.StatusTooManyRequests:
				refused++
				require.NotEmpty(t, header.Get("Retry-After"))
			}
		}
		require.Equal(t, 6, paid+refused)
		require.Positive(t, refused)
		require.EqualValues(t, before+int64(paid)*1_000_000, n.Balance(address))
	})
	t.Run("commands work as typed", func(t *testing.T) {
		before := n.Balance(n.Address("bob"))
		n.MustTx("bank", "send", "alice", "bob", "0.5emc")
		require.EqualValues(t, before+500_000, n.Balance(n.Address("bob")))
		require.Contains(t, n.MustEmcd("q", "bank", "balances", "alice"), "uemc")
		n.MustTx("staking", "delegate", "validator", "1.5EMC", "--from", "alice")
		require.Contains(t, n.MustEmcd("q", "staking", "delegations", "alice"), `"1500000"`)
		n.MustTx("bank", "send", "alice", "bob", "25uemc", "--fees", "0.003emc")
		n.MustTx("bank", "send", "alice", "bob", "25uemc", "--sign-mode", "amino-json", "--gas-prices", "0.00000002emc")
		require.Contains(t, n.MustEmcd("q", "bank", "denom-metadata", "uemc"), "exponent: 6")
	})
	t.Run("the beacon has its validator's key", func(t *testing.T) {
		validator := strings.TrimSpace(n.MustEmcd("keys", "show", "validator", "--bech", "val", "--address"))
		show := strings.TrimSpace(n.MustEmcd("beacon-key", "show"))
		old := filepath.Join(n.Home, "config", "beacon_key.json")
		require.FileExists(t, old)
		var answer struct {
			Key struct {
				PubKey, NextPubKey []byte
				Contributions      string
			} `json:"beacon_key"`
		}
		require.NoError(t, json.Unmarshal([]byte(n.MustEmcd("q", "poc", "beacon-key", validator, "--output", "json")), &answer))
		require.NotEqual(t, "", answer.Key.Contributions)
		require.Contains(t, n.MustEmcd("q", "poc", "draw", "1"), "ready: true")

		out, err := n.Emcd("beacon-key", "register", "--from", "validator", "--yes")
		require.Error(t, err, "it is registered already")
		require.Contains(t, out+err.Error(), "registered already")
		require.NoError(t, os.Rename(old, old+".1"))
		n.MustSend("beacon-key", "register", "--from", "validator")
		require.NotEqual(t, show, strings.TrimSpace(n.MustEmcd("beacon-key", "show")), "a home without a key gets one")
		require.Contains(t, n.MustEmcd("q", "poc", "beacon-key", validator), "next_active_from")
		require.NoError(t, os.Remove(old))
		_, err = n.Emcd("beacon-key", "show")
		require.ErrorContains(t, err, "beacon-key register")
		require.NoError(t, os.Rename(old+".1", old))
	})
	t.Run("the API is open and described", func(t *testing.T) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, n.REST+"/cosmos/base/tendermint/v1beta1/node_info", nil)
		require.NoError(t, err)
		request.Header.Set("Origin", "https://wallet.example")
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		defer response.Body.Close()
		require.Equal(t, "*", response.Header.Get("Access-Control-Allow-Origin"))

		var description struct {
			Paths map[string]any `json:"paths"`
		}
		n.GetJSON(n.REST+"/openapi.json", &description)
		require.Contains(t, description.Paths, "/cosmos/bank/v1beta1/balances/{address}")
		require.Contains(t, description.Paths, "/emc/compute/v1/params")
		page, err := http.Get(n.REST + "/docs")
		require.NoError(t, err)
		defer page.Body.Close()
		text, err := io.ReadAll(page.Body)
		require.NoError(t, err)
		require.NotRegexp(t, regexp.MustCompile(`(src|href)="(https?:)?//`), string(text), "the page needs the internet")

		connection, err := net.DialTimeout("tcp", n.GRPC, 5*time.Second)
		require.NoError(t, err)
		require.NoError(t, connection.Close())
	})
	t.Run("one process a home", func(t *testing.T) {
		out, err := exec.CommandContext(t.Context(), n.Binary, "localnet", "start", "--home", n.Home, "--ports", "auto").CombinedOutput()
		require.Error(t, err)
		require.Contains(t, string(out), "running already")
	})
	t.Run("kill -9 loses nothing", func(t *testing.T) {
		address, ports := n.Address("dora"), n.RPC
		height, balance := n.Height(), n.Balance(address)
		n.Kill()
		n.Restart()
		require.Equal(t, ports, n.RPC, "automatic ports stay")
		require.Greater(t, n.Height(), height)
		require.Equal(t, balance, n.Balance(address))
		n.MustTx("bank", "send", "alice", "bob", "1emc")
	})
	t.Run("stops cleanly, exports, starts over", func(t *testing.T) {
		height := n.Height()
		n.Stop()
		require.NoFileExists(t, filepath.Join(n.Home, "localnet.json"))
		var exported struct {
			InitialHeight int64           `json:"initial_height"`
			AppState      json.RawMessage `json:"app_state"`
		}
		require.NoError(t, json.Unmarshal([]byte(n.MustEmcd("export")), &exported))
		require.Greater(t, exported.InitialHeight, height)

		n.Restart("--reset", "--quiet")
		require.Equal(t, "ready", strings.TrimSpace(n.Output()))
		require.Less(t, n.Height(), height)
		_, err := n.Emcd("keys", "show", "dora")
		require.Error(t, err, "a new key is gone with the old network")
		require.EqualValues(t, 100_000_000_000, n.Balance(n.Address("bob")))
	})
}

// With Block-STM the same network works.
func TestLocalnetBlockSTM(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the real binary")
	}
	config, err := os.ReadFile(filepath.Join(localnet.Root(), "config.yml"))
	require.NoError(t, err)
	text := strings.Replace(string(config), "minimum-gas-prices: \"0.01uemc\"", "minimum-gas-prices: \"0.01uemc\"\n      block-executor: block-stm", 1)
	require.Contains(t, text, "block-stm")
	n := localnet.Start(t, localnet.Options{Config: text, Args: []string{"--log_level", "info"}})
	n.MustTx("bank", "send", "alice", "bob", "1emc")
	require.Contains(t, n.Output(), "installing block-stm tx runner")
}

// What is wrong with the request is said before anything is written.
func TestLocalnetRefuses(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the real binary")
	}
	binary := localnet.Binary(t)
	foreign := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(foreign, "thesis.txt"), []byte("years of work"), 0o600))
	taken, err := net.Listen("tcp", "127.0.0.1:4500")
	if err == nil {
		defer taken.Close()
	}
	for name, test := range map[string]struct {
		home, config, says string
		args               []string
	}{
		"unknown key":      {config: "acounts: []", says: `unknown key "acounts"`},
		"unknown override": {config: minimal + "genesis: {app_state: {gvo: {}}}", says: `unknown key "app_state.gvo"`},
		"unknown app key":  {config: minimal + "    app: {apy: {enable: true}}", says: `unknown key "apy.enable"`},
		"somebody's files": {home: foreign, config: minimal, says: "no local network"},
		"and reset":        {home: foreign, config: minimal, args: []string{"--reset"}, says: "no local network"},
		"ports":            {config: minimal, args: []string{"--ports", "all"}, says: `only "auto"`},
		"offset":           {config: minimal, args: []string{"--port-offset", "64000"}, says: "out of 1 to 65535"},
		"no such config":   {args: []string{"--config", "/nonexistent.yml"}, says: "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			home := test.home
			if home == "" {
				home = filepath.Join(t.TempDir(), "home")
			}
			args := []string{"localnet", "start", "--home", home}
			if test.config != "" {
				path := filepath.Join(t.TempDir(), "config.yml")
				require.NoError(t, os.WriteFile(path, []byte(test.config), 0o600))
				args = append(args, "--config", path)
			}
			out, err := exec.CommandContext(t.Context(), binary, append(args, test.args...)...).CombinedOutput()
			require.Error(t, err)
			require.Contains(t, string(out), test.says)
			require.NotContains(t, string(out), "Usage:")
			require.FileExists(t, filepath.Join(foreign, "thesis.txt"))
		})
	}
}

const minimal = `
accounts:
  - {name: validator, coins: [10emc]}
validators:
  - name: validator
    bonded: 5emc
`
