package validators

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/edgematrix/emc/test/e2e/rig"
)

// quickProbes makes epochs of probes some seconds long.
func quickProbes(state map[string]any) {
	params := state["poc"].(map[string]any)["params"].(map[string]any)
	if _, ok := params["probe_epoch_blocks"]; !ok {
		panic("x/poc has no parameter probe_epoch_blocks")
	}
	params["probe_epoch_blocks"] = "20"
}

// Epoch is an epoch of probes.
type Epoch struct {
	Number      rig.Int `json:"number"`
	Phase       string  `json:"phase"`
	Targets     int     `json:"targets"`
	Reports     int     `json:"reports"`
	Answered    int     `json:"answered"`
	Unreachable int     `json:"unreachable"`
	Undecided   int     `json:"undecided"`
}

// Closed reports whether all is counted.
func (e Epoch) Closed() bool { return e.Phase == "PROBE_PHASE_CLOSED" }

// Epoch asks for an epoch of probes; 0 is the newest.
func (n *Node) Epoch(ctx context.Context, number int64) (Epoch, error) {
	var answer struct {
		Epoch Epoch `json:"epoch"`
	}
	_, err := n.Get(ctx, fmt.Sprintf("/emc/poc/v1/probe_epochs/%d", number), 0, &answer)
	return answer.Epoch, err
}

// Sidecar starts a prober for the validator of a node, with a hot key of its own,
// which has no money. It asks that node.
func (n *Node) Sidecar(ctx context.Context) (p *rig.Process, hot string, err error) {
	if _, err := n.Emcd(ctx, "keys", "add", "prober", "--keyring-backend", "test"); err != nil {
		return nil, "", err
	}
	if hot, err = n.Address(ctx, "prober"); err != nil {
		return nil, "", err
	}
	if _, err := n.Sign(ctx, n.Name, "prober", "set", hot); err != nil {
		return nil, "", err
	}
	validator, err := n.Emcd(ctx, "keys", "show", n.Name, "--bech", "val", "--address", "--keyring-backend", "test")
	if err != nil {
		return nil, "", err
	}
	p, err = rig.Launch(n.Home+"-prober.log", nil, "", n.Binary, "prober", "start", "--validator", strings.TrimSpace(validator.Out), "--from", "prober",
		"--keyring-backend", "test", "--home", n.Home, "--node", n.RPC, "--allow-private", "--timeout", "5s", "--again", "200ms")
	return p, hot, err
}

// Miner brings up a worker of a node's owner that asks that node.
func (n *Net) Miner(ctx context.Context, own *Node) (*rig.Worker, error) {
	port, err := n.ports.Range(1)
	if err != nil {
		return nil, err
	}
	w := rig.NewWorker(own.Network, filepath.Join(n.Dir, "worker-"+own.Name))
	for _, args := range [][]string{
		{"init", "--chain-id", n.ChainID, "--rpc", own.RPC, "--slots", "1", "--listen", fmt.Sprintf("/ip4/127.0.0.1/tcp/%d", port)},
		{"register", "--from", own.Name, "--keyring-backend", "test", "--keyring-home", own.Home},
	} {
		if _, err := w.Run(ctx, args...); err != nil {
			return nil, err
		}
	}
	return w, w.Start(ctx)
}
