package rig

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Worker is a worker's home, and its daemon when it runs.
type Worker struct {
	Net  *Network
	Home string
	// Address is the node's, Operator its owner's; known after Up.
	Address, Operator string
	// Env is added to the environment of all its programs.
	Env []string
	// Proves: it takes part in windows. Otherwise nothing holds its jobs still, which
	// tests of times and of every fee want.
	Proves bool
	// Binary is another emc-worker than the rig's, Wrap a command that runs it, also for
	// commands that are typed.
	Binary string
	Wrap   []string

	process *Process
}

// NewWorker names a worker; nothing is started.
func NewWorker(net *Network, home string) *Worker { return &Worker{Net: net, Home: home} }

// Up brings a worker from nothing to ready, as a miner does.
func (w *Worker) Up(ctx context.Context, flags ...string) error {
	return w.launch(ctx, append([]string{"up", "--localnet", w.Net.Home}, flags...)...)
}

// Start starts the daemon of a worker that is registered.
func (w *Worker) Start(ctx context.Context) error { return w.launch(ctx, "start") }

func (w *Worker) launch(ctx context.Context, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, StartTimeout)
	defer cancel()
	return untilPortsAreFree(ctx, func() (*Process, error) { err := w.once(ctx, args); return w.process, err })
}

func (w *Worker) once(ctx context.Context, args []string) error {
	if err := os.MkdirAll(filepath.Dir(w.Home), 0o755); err != nil {
		return err
	}
	var err error
	line := wrapped(w.Wrap, cmp.Or(w.Binary, w.Net.Bin.Worker()), append(args, "--home", w.Home))
	if w.process, err = Launch(w.Home+".log", w.env(), "", line[0], line[1:]...); err != nil {
		return err
	}
	if _, err = w.process.WaitLine(ctx, "ready"); err != nil {
		w.process.Kill()
		return err
	}
	if w.Address == "" {
		return w.Identify(ctx)
	}
	return nil
}

// env points the daemon at where the network listens now.
func (w *Worker) env() []string {
	return append([]string{"EMC_WORKER_CHAIN_RPC=" + w.Net.RPC, fmt.Sprintf("EMC_WORKER_PROOF_ENABLED=%t", w.Proves)}, w.Env...)
}

// Status is what `emc-worker status --json` says.
type Status struct {
	Node    string `json:"node"`
	Running bool   `json:"running"`
	Ready   bool   `json:"ready"`
	Earned  struct {
		Uemc Int `json:"uemc"`
		Jobs Int `json:"jobs"`
	} `json:"earned"`
}

// Identify asks the worker who it is.
func (w *Worker) Identify(ctx context.Context) error {
	a, err := w.Run(ctx, "status", "--json")
	if err != nil {
		return err
	}
	var s Status
	if err := json.Unmarshal([]byte(a.Out), &s); err != nil {
		return fmt.Errorf("%w: %s", err, a.Out)
	}
	w.Address = s.Node
	n, err := w.Net.Node(ctx, w.Address)
	w.Operator = n.Operator
	return err
}

// Run types a command of the worker.
func (w *Worker) Run(ctx context.Context, args ...string) (Answer, error) {
	line := wrapped(w.Wrap, w.Net.Bin.Worker(), withHome(args, w.Home))
	return Command(ctx, "", w.env(), line[0], line[1:]...)
}

// Process is the daemon's process.
func (w *Worker) Process() *Process { return w.process }

// Kill ends the daemon and everything that it runs as a power cut would.
func (w *Worker) Kill() {
	if w.process != nil {
		w.process.Kill()
	}
}

// Stop ends the daemon as Ctrl-C does.
func (w *Worker) Stop() error {
	if w.process == nil {
		return nil
	}
	return w.process.Interrupt(30 * time.Second)
}

// Log is what the daemons of this home have printed.
func (w *Worker) Log() string {
	text, _ := os.ReadFile(w.Home + ".log")
	return strings.ToValidUTF8(string(text), "?")
}
