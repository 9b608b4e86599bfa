package rig

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Info is what a network writes to localnet.json.
type Info struct {
	RPC     string `json:"rpc"`
	REST    string `json:"rest"`
	GRPC    string `json:"grpc"`
	Faucet  string `json:"faucet"`
	ChainID string `json:"chain_id"`
}

// Network is a chain of one validator on this machine.
type Network struct {
	Info
	Bin  Binaries
	Home string
	// Config is the path of its config.yml.
	Config string
	// Wrap is a command that runs its node and what is typed, and Client asks over REST: a
	// network in a namespace is not reached from outside. nil is neither.
	Wrap   []string
	Client *http.Client

	process *Process
	mu      sync.Mutex // one transaction of a key at a time
	keys    map[string]*sync.Mutex
}

// StartTimeout bounds the start of a network or a worker on a busy machine.
const StartTimeout = 3 * time.Minute

// NewNetwork names a network; nothing is started.
func NewNetwork(bin Binaries, home, config string) *Network {
	return &Network{Bin: bin, Home: home, Config: config, keys: map[string]*sync.Mutex{}}
}

// StartNetwork starts a network on free ports and waits until it is ready.
func StartNetwork(ctx context.Context, bin Binaries, home, config string) (*Network, error) {
	n := NewNetwork(bin, home, config)
	return n, n.Start(ctx)
}

// Connect describes a network that somebody else runs, with the keys of a home.
func Connect(bin Binaries, home string, info Info) *Network {
	return &Network{Bin: bin, Home: home, Info: info, keys: map[string]*sync.Mutex{}}
}

// Start starts the network where it was stopped or killed.
func (n *Network) Start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, StartTimeout)
	defer cancel()
	return untilPortsAreFree(ctx, func() (*Process, error) { err := n.launch(ctx); return n.process, err })
}

func (n *Network) launch(ctx context.Context) error {
	if err := os.MkdirAll(filepath.Dir(n.Home), 0o755); err != nil {
		return err
	}
	args := []string{"localnet", "start", "--home", n.Home, "--ports", "auto"}
	if n.Config != "" {
		args = append(args, "--config", n.Config)
	}
	line := wrapped(n.Wrap, n.Bin.Emcd(), args)
	var err error
	if n.process, err = Launch(n.Home+".log", nil, "", line[0], line[1:]...); err != nil {
		return err
	}
	if _, err := n.process.WaitLine(ctx, "ready"); err != nil {
		n.process.Kill()
		return err
	}
	raw, err := os.ReadFile(filepath.Join(n.Home, "localnet.json"))
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, &n.Info)
}

// Process is the network's process.
func (n *Network) Process() *Process { return n.process }

// Kill ends the network as a power cut would.
func (n *Network) Kill() { n.process.Kill() }

// Stop ends the network as Ctrl-C does.
func (n *Network) Stop() error { return n.process.Interrupt(30 * time.Second) }

// Emcd types a command with the network's home.
func (n *Network) Emcd(ctx context.Context, args ...string) (Answer, error) {
	line := wrapped(n.Wrap, n.Bin.Emcd(), withHome(args, n.Home))
	return Command(ctx, "", nil, line[0], line[1:]...)
}

// withHome puts --home before the arguments of the app itself.
func withHome(args []string, home string) []string {
	for i, a := range args {
		if a == "--" {
			return append(append(append([]string{}, args[:i]...), "--home", home), args[i:]...)
		}
	}
	return append(append([]string{}, args...), "--home", home)
}

// key serialises what one key signs: two transactions at once would take the
// same sequence number.
func (n *Network) key(name string) *sync.Mutex {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.keys[name] == nil {
		n.keys[name] = &sync.Mutex{}
	}
	return n.keys[name]
}

// Tx sends a transaction from a key and waits for its block. The error tells
// why it failed.
func (n *Network) Tx(ctx context.Context, from string, args ...string) (Transaction, error) {
	return n.Sign(ctx, from, append([]string{"tx"}, args...)...)
}

// Sign is Tx for a command that sends a transaction and is none of `emcd tx`.
func (n *Network) Sign(ctx context.Context, from string, args ...string) (Transaction, error) {
	lock := n.key(from)
	lock.Lock()
	defer lock.Unlock()
	args = append(append([]string{}, args...), "--from", from, "--yes", "--output", "json")
	if !strings.Contains(strings.Join(args, " "), "--gas ") {
		args = append(args, "--gas", "400000", "--gas-prices", "0.01uemc", "--keyring-backend", "test")
	}
	return n.send(ctx, args...)
}

// Broadcast sends a signed transaction and waits for its block.
func (n *Network) Broadcast(ctx context.Context, file string) (Transaction, error) {
	return n.send(ctx, "tx", "broadcast", file, "--output", "json")
}

func (n *Network) send(ctx context.Context, args ...string) (Transaction, error) {
	answer, err := n.Emcd(ctx, args...)
	if err != nil {
		return Transaction{}, err
	}
	var sent struct {
		Hash string `json:"txhash"`
		Code int    `json:"code"`
		Log  string `json:"raw_log"`
	}
	if err := json.Unmarshal([]byte(answer.Out), &sent); err != nil {
		return Transaction{}, fmt.Errorf("%w: %s%s", err, answer.Out, answer.Err)
	}
	if sent.Code != 0 {
		return Transaction{}, fmt.Errorf("the node refused the transaction: %s", sent.Log)
	}
	return n.WaitTx(ctx, sent.Hash)
}

// Address returns the address of a key in the network's home.
func (n *Network) Address(ctx context.Context, name string) (string, error) {
	a, err := n.Emcd(ctx, "keys", "show", name, "--address", "--keyring-backend", "test")
	return strings.TrimSpace(a.Out), err
}
