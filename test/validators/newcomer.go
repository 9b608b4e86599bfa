package validators

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/edgematrix/emc/test/e2e/rig"
)

// Add makes a further node with the network's genesis, which is nobody's
// validator and knows all the others; it is not started. The settings go on top
// of those that the first nodes have.
func (n *Net) Add(ctx context.Context, name string, comet, app Settings) (*Node, error) {
	base, err := n.ports.Range(portsEach)
	if err != nil {
		return nil, err
	}
	binary := n.Nodes[0].Binary
	home := filepath.Join(n.Dir, name, "emcd")
	if err := os.MkdirAll(home, 0o700); err != nil {
		return nil, err
	}
	if _, err := rig.Command(ctx, "", nil, binary, "init", name, "--chain-id", n.ChainID, "--home", home); err != nil {
		return nil, err
	}
	if err := copyFile(n.Nodes[0].Home, home, "config/genesis.json"); err != nil {
		return nil, err
	}
	node, err := n.node(ctx, name, home, binary, base)
	if err != nil {
		return nil, err
	}
	at := func(i int) string { return fmt.Sprintf("tcp://127.0.0.1:%d", base+i) }
	own := Settings{
		"p2p.laddr": at(0), "p2p.addr_book_strict": false, "p2p.allow_duplicate_ip": true,
		"rpc.laddr": at(1), "rpc.pprof_laddr": "", "consensus.timeout_commit": "250ms",
	}
	if err := node.Configure(fast.with(own).with(comet), Settings{
		"api.enable": true, "api.address": at(2), "grpc.address": node.grpc,
	}.with(app)); err != nil {
		return nil, err
	}
	n.Nodes = append(n.Nodes, node)
	return node, n.linkAll()
}

// copyFile copies a file of one home into another.
func copyFile(from, to, name string) error {
	raw, err := os.ReadFile(filepath.Join(from, name))
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(to, name), raw, 0o600)
}
