package localnet

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// StartTimeout is how long a network may take to be ready, on a busy machine.
const StartTimeout = 90 * time.Second

// Info is what a network writes to localnet.json.
type Info struct {
	RPC     string `json:"rpc"`
	REST    string `json:"rest"`
	GRPC    string `json:"grpc"`
	P2P     string `json:"p2p"`
	Faucet  string `json:"faucet"`
	ChainID string `json:"chain_id"`
	Home    string `json:"home"`
	PID     int    `json:"pid"`
}

// Options say how to start a network.
type Options struct {
	// Home is kept over restarts; a folder of the test when empty.
	Home string
	// Config is a config.yml's text; the repository's when empty.
	Config string
	// Args are further flags of `emcd localnet start`.
	Args []string
}

// Network is one running network.
type Network struct {
	Info
	Binary string

	t      testing.TB
	args   []string
	cmd    *exec.Cmd
	output *buffer
	done   chan error
}

// Start starts a network and waits until it is ready. It is stopped, and its
// output shown if the test has failed, when the test ends.
func Start(t testing.TB, o Options) *Network {
	t.Helper()
	if o.Home == "" {
		o.Home = filepath.Join(t.TempDir(), "localnet")
	}
	config := filepath.Join(Root(), "config.yml")
	if o.Config != "" {
		config = filepath.Join(t.TempDir(), "config.yml")
		if err := os.WriteFile(config, []byte(o.Config), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	n := &Network{
		Binary: Binary(t), t: t, Info: Info{Home: o.Home},
		args: append([]string{"localnet", "start", "--home", o.Home, "--config", config, "--ports", "auto"}, o.Args...),
	}
	t.Cleanup(func() {
		n.Kill()
		if t.Failed() {
			t.Logf("output of %s:\n%s", strings.Join(n.args, " "), n.output)
		}
	})
	n.Restart()
	return n
}

// Restart starts the network's process again, with further flags, and waits until
// it is ready.
func (n *Network) Restart(extra ...string) {
	n.t.Helper()
	n.output = &buffer{}
	n.cmd = exec.CommandContext(context.Background(), n.Binary, append(n.args, extra...)...)
	// A test that dies takes its network along.
	n.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := n.cmd.StdoutPipe()
	if err != nil {
		n.t.Fatal(err)
	}
	n.cmd.Stderr = n.output
	if err := n.cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	ready := make(chan struct{})
	n.done = make(chan error, 1)
	go func() {
		scanner := bufio.NewScanner(io.TeeReader(out, n.output))
		for scanner.Scan() {
			if scanner.Text() == "ready" {
				close(ready)
			}
		}
		n.done <- n.cmd.Wait()
	}()
	select {
	case <-ready:
	case err := <-n.done:
		n.cmd = nil
		n.t.Fatalf("the network did not start: %v\n%s", err, n.output)
	case <-time.After(StartTimeout):
		n.t.Fatalf("the network is not ready after %s\n%s", StartTimeout, n.output)
	}
	raw, err := os.ReadFile(filepath.Join(n.Home, "localnet.json"))
	if err != nil {
		n.t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &n.Info); err != nil {
		n.t.Fatal(err)
	}
}

// Kill ends the network as a power cut would.
func (n *Network) Kill() { _ = n.end(syscall.SIGKILL) }

// Stop ends the network as Ctrl-C does.
func (n *Network) Stop() {
	n.t.Helper()
	if err := n.end(syscall.SIGINT); err != nil {
		n.t.Fatalf("the network did not stop cleanly: %v\n%s", err, n.output)
	}
}

func (n *Network) end(signal syscall.Signal) error {
	if n.cmd == nil || n.cmd.Process == nil {
		return nil
	}
	_ = n.cmd.Process.Signal(signal)
	defer func() { n.cmd = nil }()
	select {
	case err := <-n.done:
		return err
	case <-time.After(30 * time.Second):
		_ = n.cmd.Process.Kill()
		return fmt.Errorf("it did not react to %s", signal)
	}
}

// Output is what the network has printed.
func (n *Network) Output() string { return n.output.String() }

// Emcd runs the command line with the network's home. It returns what was
// printed to stdout, and an error with what was printed to stderr.
func (n *Network) Emcd(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, n.Binary, append(args, "--home", n.Home)...)
	var out, problem bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problem
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("emcd %s: %w: %s", strings.Join(args, " "), err, problem.String())
	}
	return out.String(), nil
}

// MustEmcd is Emcd in a test that cannot go on without.
func (n *Network) MustEmcd(args ...string) string {
	n.t.Helper()
	out, err := n.Emcd(args...)
	if err != nil {
		n.t.Fatal(err)
	}
	return out
}

// MustTx sends a transaction, waits for its block and fails unless it succeeded.
func (n *Network) MustTx(args ...string) string {
	n.t.Helper()
	return n.MustSend(append([]string{"tx"}, args...)...)
}

// MustSend is MustTx for any command that sends a transaction.
func (n *Network) MustSend(args ...string) string {
	n.t.Helper()
	out := n.MustEmcd(append(args, "--yes", "--output", "json")...)
	var sent struct {
		Hash string `json:"txhash"`
		Code uint32 `json:"code"`
		Log  string `json:"raw_log"`
	}
	if err := json.Unmarshal([]byte(out), &sent); err != nil {
		n.t.Fatalf("%v: %s", err, out)
	}
	if sent.Code != 0 {
		n.t.Fatalf("the node refused the transaction: %s", sent.Log)
	}
	n.Eventually(func() bool {
		answer, err := n.Emcd("query", "tx", sent.Hash, "--output", "json")
		if err != nil {
			return false
		}
		if err := json.Unmarshal([]byte(answer), &sent); err != nil || sent.Code != 0 {
			n.t.Fatalf("the transaction failed: %s", answer)
		}
		return true
	}, 20*time.Second, "the transaction is in a block")
	return sent.Hash
}
