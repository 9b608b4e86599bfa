package validators

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/edgematrix/emc/test/e2e/rig"
)

// Options say what a network is like.
type Options struct {
	// Validators is how many there are; 4 when zero.
	Validators int
	// Commit is the time between blocks; 250 ms when zero.
	Commit time.Duration
	// Binary is the emcd that the nodes run; empty is the one of the rig.
	Binary string
	// Comet and App are further settings of every node's config.toml and app.toml.
	Comet, App Settings
	// Genesis changes the app_state before the network starts.
	Genesis func(state map[string]any)
}

// Net is a network of validators on this machine. The validator of each node has
// a key of the node's name in the node's home, with 1,000,000 EMC, of which
// 500,000 are at stake.
type Net struct {
	Nodes   []*Node
	ChainID string
	Dir     string

	bin   rig.Binaries
	ports *Ports
	links map[[2]string]*Link
}

// portsEach is how far apart emcd's `testnet` puts the ports of two nodes.
const portsEach = 10

// New writes the files of a network into dir, which must be empty; nothing is
// started but the links.
func New(ctx context.Context, bin rig.Binaries, ports *Ports, dir string, o Options) (*Net, error) {
	if o.Validators == 0 {
		o.Validators = 4
	}
	if o.Commit == 0 {
		o.Commit = 250 * time.Millisecond
	}
	if o.Binary == "" {
		o.Binary = bin.Emcd()
	}
	base, err := ports.Range(portsEach * o.Validators)
	if err != nil {
		return nil, err
	}
	n := &Net{ChainID: "emc-net-" + strconv.Itoa(base), Dir: dir, bin: bin, ports: ports, links: map[[2]string]*Link{}}
	if _, err := rig.Command(ctx, "", nil, o.Binary, "testnet", "init-files", "--output-dir", dir, "--chain-id", n.ChainID,
		"--v", strconv.Itoa(o.Validators), "--single-host", "--base-port", strconv.Itoa(base), "--commit-timeout", o.Commit.String()); err != nil {
		return nil, err
	}
	for i := range o.Validators {
		name := fmt.Sprintf("node%d", i)
		node, err := n.node(ctx, name, filepath.Join(dir, name, "emcd"), o.Binary, base+portsEach*i)
		if err != nil {
			return nil, err
		}
		n.Nodes = append(n.Nodes, node)
		if err := node.Configure(fast.with(o.Comet), Settings{}.with(o.App)); err != nil {
			return nil, err
		}
		if err := node.editGenesis(o.Genesis); err != nil {
			return nil, err
		}
	}
	return n, n.linkAll()
}

// fast are settings for a network whose nodes are close, and that must not wait
// long for the one that is down.
var fast = Settings{
	"p2p.pex":                     false,
	"consensus.timeout_propose":   "600ms",
	"consensus.timeout_prevote":   "300ms",
	"consensus.timeout_precommit": "300ms",
}

// node describes the node in a home.
func (n *Net) node(ctx context.Context, name, home, binary string, port int) (*Node, error) {
	at := func(i int) string { return "127.0.0.1:" + strconv.Itoa(port+i) }
	info := rig.Info{RPC: "http://" + at(1), REST: "http://" + at(2), GRPC: at(3), ChainID: n.ChainID}
	node := &Node{Network: rig.Connect(n.bin, home, info), Name: name, Binary: binary, p2p: at(0), grpc: at(3)}
	id, err := rig.Command(ctx, "", nil, binary, "comet", "show-node-id", "--home", home)
	node.ID = strings.TrimSpace(id.Out)
	return node, err
}

// editGenesis changes the node's genesis file.
func (n *Node) editGenesis(change func(state map[string]any)) error {
	if change == nil {
		return nil
	}
	path := filepath.Join(n.Home, "config", "genesis.json")
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var genesis map[string]any
	if err := json.Unmarshal(raw, &genesis); err != nil {
		return err
	}
	state, ok := genesis["app_state"].(map[string]any)
	if !ok {
		return errors.New(path + " has no app_state")
	}
	change(state)
	if raw, err = json.MarshalIndent(genesis, "", " "); err != nil {
		return err
	}
	return os.WriteFile(path, raw, 0o600)
}

// Link is the connection between two nodes, in either order.
func (n *Net) Link(a, b *Node) *Link { return n.links[pair(a, b)] }

// Links are all links of a node.
func (n *Net) Links(of *Node) []*Link {
	var out []*Link
	for names, link := range n.links {
		if names[0] == of.Name || names[1] == of.Name {
			out = append(out, link)
		}
	}
	return out
}

// CutOff cuts a node off from all others.
func (n *Net) CutOff(node *Node) {
	for _, link := range n.Links(node) {
		link.Cut()
	}
}

// HoldOff keeps everything back that a node sends or is sent.
func (n *Net) HoldOff(node *Node) {
	for _, link := range n.Links(node) {
		link.Hold()
	}
}

// Heal connects a node with all others again.
func (n *Net) Heal(node *Node) {
	for _, link := range n.Links(node) {
		link.Heal()
	}
}

func pair(a, b *Node) [2]string { return [2]string{min(a.Name, b.Name), max(a.Name, b.Name)} }

// linkAll connects every node with every other that it has no link to yet.
func (n *Net) linkAll() error {
	for i, a := range n.Nodes {
		for _, b := range n.Nodes[:i] {
			if n.links[pair(a, b)] != nil {
				continue
			}
			link := newLink()
			n.links[pair(a, b)] = link
			for _, way := range [][2]*Node{{a, b}, {b, a}} {
				door, err := link.door(way[1].p2p)
				if err != nil {
					return err
				}
				way[0].peers = append(way[0].peers, way[1].ID+"@"+door)
			}
		}
	}
	for _, node := range n.Nodes {
		if node.Running() {
			continue // the others dial it, as they do with a newcomer in the real world
		}
		if err := node.Configure(Settings{"p2p.persistent_peers": strings.Join(node.peers, ",")}, nil); err != nil {
			return err
		}
	}
	return nil
}

// Start starts all nodes that do not run and waits until each has a block.
func (n *Net) Start(ctx context.Context) error {
	for _, node := range n.Nodes {
		if !node.Running() {
			if err := node.Launch(); err != nil {
				return err
			}
		}
	}
	for _, node := range n.Nodes {
		if err := node.WaitUp(ctx); err != nil {
			return err
		}
		if err := node.WaitHeight(ctx, 1, rig.StartTimeout); err != nil {
			return err
		}
	}
	return nil
}

// Close kills every node and ends the links.
func (n *Net) Close() {
	for _, node := range n.Nodes {
		node.Kill()
	}
	for _, link := range n.links {
		link.close()
	}
}

// Height is the highest block that a running node has.
func (n *Net) Height(ctx context.Context) (int64, error) {
	var high int64
	var failed error
	for _, node := range n.Nodes {
		if !node.Running() {
			continue
		}
		s, err := node.Status(ctx)
		high, failed = max(high, s.Height), errors.Join(failed, err)
	}
	if high > 0 {
		failed = nil // one that is paused does not answer
	}
	return high, failed
}

// Agree checks that the nodes have the same blocks and app hashes at every
// height from one to another which they hold, and returns how many heights at
// least two of them were compared at.
func (n *Net) Agree(ctx context.Context, from, to int64, nodes ...*Node) (int, error) {
	type said struct {
		node   string
		header Header
	}
	first, compared := map[int64]said{}, map[int64]bool{}
	for _, node := range nodes {
		s, err := node.Status(ctx)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", node.Name, err)
		}
		headers, err := node.Headers(ctx, max(from, s.Earliest), min(to, s.Height))
		if err != nil {
			return 0, err
		}
		for _, h := range headers {
			was, ok := first[h.Height]
			if !ok {
				first[h.Height] = said{node.Name, h}
				continue
			}
			compared[h.Height] = true
			if was.header.Hash != h.Hash || was.header.AppHash != h.AppHash {
				return 0, fmt.Errorf("block %d: %s has %s with app hash %s, %s has %s with app hash %s",
					h.Height, was.node, was.header.Hash, was.header.AppHash, node.Name, h.Hash, h.AppHash)
			}
		}
	}
	return len(compared), nil
}
