package main_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/testutil/localnet"
)

// Four validators, each its own process, make blocks together.
func TestTestnet(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the real binary")
	}
	const validators = 4
	binary, dir := localnet.Binary(t), filepath.Join(t.TempDir(), "net")
	base := freeRange(t, 10*validators)
	out, err := exec.CommandContext(t.Context(), binary, "testnet", "init-files", "--v", fmt.Sprint(validators), "--output-dir", dir,
		"--single-host", "--base-port", fmt.Sprint(base), "--chain-id", "emc-four-1").CombinedOutput()
	require.NoError(t, err, string(out))

	for i := range validators {
		log, err := os.Create(filepath.Join(t.TempDir(), "log"))
		require.NoError(t, err)
		// Two with each executor: their results have to be the same in every block.
		executor := []string{"sequential", "block-stm"}[i%2]
		node := exec.CommandContext(t.Context(), binary, "start", "--home", filepath.Join(dir, fmt.Sprintf("node%d", i), "emcd"),
			"--log_level", "error", "--block-executor", executor)
		node.Stdout, node.Stderr = log, log
		node.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		require.NoError(t, node.Start())
		t.Cleanup(func() {
			_ = node.Process.Kill()
			_ = node.Wait()
			if t.Failed() {
				text, _ := os.ReadFile(log.Name())
				t.Logf("node %d:\n%s", i, text)
			}
		})
	}
	for i := range validators {
		rpc := fmt.Sprintf("http://127.0.0.1:%d", base+10*i+1)
		localnet.Eventually(t, func() bool {
			height, err := localnet.Height(rpc)
			return err == nil && height >= 3
		}, 90*time.Second, fmt.Sprintf("node %d at height 3", i))
	}
	// All four contribute to the beacon with the keys that init-files made. A draw waits
	// for those who have contributed before: by height 12 all have.
	localnet.Eventually(t, func() bool {
		out, err := exec.CommandContext(t.Context(), binary, "query", "poc", "draw", "12", "--node", fmt.Sprintf("http://127.0.0.1:%d", base+1)).Output()
		return err == nil && strings.Contains(string(out), "ready: true") && strings.Contains(string(out), "needed: 4")
	}, 90*time.Second, "a draw to which four keys have contributed")
}

func TestTestnetRefuses(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the real binary")
	}
	binary := localnet.Binary(t)
	for name, test := range map[string]struct {
		args []string
		says string
	}{
		"none":       {[]string{"--v", "0"}, "from 1 to 100"},
		"many":       {[]string{"--v", "101"}, "from 1 to 100"},
		"no address": {[]string{"--starting-ip-address", "example.org"}, "not an IPv4 address"},
		"last":       {[]string{"--starting-ip-address", "255.255.255.254"}, "not 4 addresses"},
		"low ports":  {[]string{"--single-host", "--base-port", "80"}, "out of 1024"},
		"poor":       {[]string{"--coins", "1emc", "--bonded", "2emc"}, "more than the validator has"},
		"too little": {[]string{"--bonded", "0.5emc"}, "at least 1emc"},
		"misspelt":   {[]string{"--coins", "1mec"}, "unknown denomination"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "net")
			out, err := exec.CommandContext(t.Context(), binary, append([]string{"testnet", "init-files", "--output-dir", dir}, test.args...)...).CombinedOutput()
			require.Error(t, err)
			require.Contains(t, string(out), test.says)
			require.NoDirExists(t, dir)
		})
	}
	t.Run("nothing is overwritten", func(t *testing.T) {
		dir := t.TempDir()
		require.NoError(t, os.MkdirAll(filepath.Join(dir, "node1"), 0o755))
		out, err := exec.CommandContext(t.Context(), binary, "testnet", "init-files", "--output-dir", dir).CombinedOutput()
		require.Error(t, err)
		require.Contains(t, string(out), "there already")
		require.NoDirExists(t, filepath.Join(dir, "node0"))
	})
}

// freeRange returns the first of n consecutive free ports.
func freeRange(t *testing.T, n int) int {
	t.Helper()
	for base := 20_000 + os.Getpid()%20_000; base < 60_000; base += n {
		if rangeFree(base, n) {
			return base
		}
	}
	t.Fatal("no free range of ports")
	return 0
}

func rangeFree(base, n int) bool {
	for port := base; port < base+n; port++ {
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			return false
		}
		_ = listener.Close()
	}
	return true
}
