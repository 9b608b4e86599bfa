package validators

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/edgematrix/emc/test/e2e/rig"
)

// Node is one node of a network: a home, and a process when it runs. What
// rig.Network knows (queries, transactions, jobs, money) goes to this node, with
// the keys of its home.
type Node struct {
	*rig.Network
	Name string
	// ID is its identity towards other nodes.
	ID string
	// Emcd is the binary that the next Start runs.
	Binary string

	p2p     string   // host:port where it listens for other nodes
	peers   []string // the others, as it dials them
	grpc    string
	process *rig.Process
}

// stopGrace is how long a node may take to end after an interrupt.
const stopGrace = 30 * time.Second

// Start starts the node's process and waits until it answers.
func (n *Node) Start(ctx context.Context, flags ...string) error {
	if err := n.Launch(flags...); err != nil {
		return err
	}
	return n.WaitUp(ctx)
}

// Launch starts the node's process.
func (n *Node) Launch(flags ...string) error {
	if n.Running() {
		return fmt.Errorf("%s runs already", n.Name)
	}
	var err error
	n.process, err = rig.Launch(n.logFile(), nil, "", n.Binary,
		append([]string{"start", "--home", n.Home, "--log_no_color"}, flags...)...)
	return err
}

// WaitUp waits until the node answers over RPC and REST.
func (n *Node) WaitUp(ctx context.Context) error {
	return rig.Eventually(ctx, rig.StartTimeout, n.Name+" answers", func() (bool, error) {
		if !n.Running() {
			return false, n.Ended()
		}
		if _, err := n.Status(ctx); err != nil {
			return false, err
		}
		_, err := n.Height(ctx)
		return err == nil, err
	})
}

// Running reports whether the node has a process; a paused one counts.
func (n *Node) Running() bool {
	if n.process == nil {
		return false
	}
	select {
	case <-n.process.Done():
		return false
	default:
		return true
	}
}

// Process is the node's latest process, nil before the first.
func (n *Node) Process() *rig.Process { return n.process }

// Ended tells how the node's process ended, with its last words.
func (n *Node) Ended() error {
	return errors.Join(fmt.Errorf("%s does not run: %s", n.Name, rig.Tail(n.Log(), 20)), n.process.Err())
}

// WaitEnd waits until the process has ended by itself and returns its output.
func (n *Node) WaitEnd(ctx context.Context, within time.Duration) (string, error) {
	select {
	case <-n.process.Done():
		return n.process.Output(), nil
	case <-time.After(within):
		return "", fmt.Errorf("%s still runs after %s:\n%s", n.Name, within, rig.Tail(n.Log(), 20))
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// Stop ends the node as its operator does.
func (n *Node) Stop() error {
	if !n.Running() {
		return nil
	}
	return n.process.Interrupt(stopGrace)
}

// Kill ends the node as a power cut does.
func (n *Node) Kill() {
	if n.process != nil {
		n.process.Kill()
	}
}

// Pause stops the node's processor time; Resume gives it back.
func (n *Node) Pause() { n.process.Pause() }

// Resume ends a Pause.
func (n *Node) Resume() { n.process.Resume() }

// Log is what the node's processes printed.
func (n *Node) Log() string {
	raw, err := os.ReadFile(n.logFile())
	if err != nil {
		return err.Error()
	}
	return strings.ToValidUTF8(string(raw), "?")
}

func (n *Node) logFile() string { return n.Home + ".log" }

// Configure changes config.toml and app.toml; the next start takes them up.
func (n *Node) Configure(comet, app Settings) error {
	return errors.Join(comet.apply(filepath.Join(n.Home, "config", "config.toml")), app.apply(filepath.Join(n.Home, "config", "app.toml")))
}
