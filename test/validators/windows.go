package validators

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/edgematrix/emc/test/e2e/rig"
)

// quickWindows makes windows of the proof of computing short and frequent, and
// lets nobody be jailed for silence: how often a node was silent is counted.
func quickWindows(state map[string]any) {
	params := state["poc"].(map[string]any)["params"].(map[string]any)
	for name, value := range map[string]any{
		"key_delay_blocks": "10", "window_gap_blocks": "18", "window_mean_blocks": "2", "window_blocks": "7", "window_milliseconds": "4000",
		"draw_blocks": "20", "reveal_blocks": "8", "power_windows": 4, "max_silent": 100,
		"stake_per_e": map[string]any{"denom": "uemc", "amount": "10000000"}, "target_power": "100000000",
	} {
		if _, ok := params[name]; !ok {
			panic("x/poc has no parameter " + name)
		}
		params[name] = value
	}
}

// Prove brings up a worker of each node's owner that takes part in windows, and
// asks that node alone.
func (n *Net) Prove(ctx context.Context, nodes ...*Node) ([]*rig.Worker, error) {
	var workers []*rig.Worker
	for _, own := range nodes {
		raw, err := json.Marshal(own.Info) // what `up` wants of a network is in localnet.json
		if err != nil {
			return workers, err
		}
		if err := os.WriteFile(filepath.Join(own.Home, "localnet.json"), raw, 0o600); err != nil {
			return workers, err
		}
		w := rig.NewWorker(own.Network, filepath.Join(n.Dir, "worker-"+own.Name))
		w.Proves = true
		w.Env = []string{"EMC_WORKER_PROOF_THREADS=1", "EMC_WORKER_PROOF_LOG2_N=10", "EMC_WORKER_PROOF_MEMORY=64MiB"}
		workers = append(workers, w)
		if err := w.Up(ctx, "--from", own.Name, "--keyring-backend", "test", "--keyring-home", own.Home, "--stake", "40emc"); err != nil {
			return workers, err
		}
	}
	return workers, nil
}

// Tally is what became of the windows of a run.
type Tally struct {
	Seed    uint64         `json:"seed"`
	Windows int            `json:"windows"`
	Closed  int            `json:"closed"`
	Void    int            `json:"void"`
	Proved  int            `json:"proved"`
	Silent  int            `json:"silent"`
	Missed  int            `json:"missed"`
	Wrong   int            `json:"wrong"`
	Slashed int            `json:"slashed"`
	Faults  map[string]int `json:"faults"`
	Seconds float64        `json:"seconds"`
}

// Storm does one thing after another to a network in which workers prove.
type Storm struct {
	Net     *Net
	Workers []*rig.Worker
	Tally   Tally

	rand *rand.Rand
	seen map[int64]bool
}

// NewStorm is one that repeats itself with its seed, as far as time does.
func NewStorm(n *Net, workers []*rig.Worker, seed uint64) *Storm {
	return &Storm{Net: n, Workers: workers, Tally: Tally{Seed: seed, Faults: map[string]int{}}, rand: rand.New(rand.NewPCG(seed, 1)), seen: map[int64]bool{}}
}

// Fault does one thing at a random moment and mends it.
func (s *Storm) Fault(ctx context.Context) error {
	node, worker := s.Net.Nodes[s.rand.IntN(len(s.Net.Nodes))], s.Workers[s.rand.IntN(len(s.Workers))]
	wait := func(most time.Duration) { pause(ctx, time.Duration(s.rand.Int64N(int64(most)))) }
	faults := []struct {
		name  string
		begin func()
		end   func() error
	}{
		{"worker killed", worker.Kill, func() error { return worker.Start(ctx) }},
		{"worker killed", worker.Kill, func() error { return worker.Start(ctx) }},
		{"worker paused", func() { worker.Process().Pause() }, func() error { worker.Process().Resume(); return nil }},
		{"validator killed", node.Kill, func() error { return node.Start(ctx) }},
		{"validator paused", node.Pause, func() error { node.Resume(); return nil }},
		{"validator cut off", func() { s.Net.HoldOff(node) }, func() error { s.Net.Heal(node); return nil }},
		{"network stands still", func() { s.all((*Node).Pause) }, func() error { s.all((*Node).Resume); return nil }},
		{"nothing", func() {}, func() error { return nil }},
	}
	f := faults[s.rand.IntN(len(faults))]
	s.Tally.Faults[f.name]++
	wait(3 * time.Second)
	f.begin()
	wait(2 * time.Second)
	if err := f.end(); err != nil {
		return fmt.Errorf("after %s: %w", f.name, err)
	}
	return ctx.Err()
}

func (s *Storm) all(do func(*Node)) {
	for _, node := range s.Net.Nodes {
		do(node)
	}
}

// Count looks at the windows that are over and at what the nodes have to show,
// and returns what is wrong: an honest node that was slashed, or its proof called so.
func (s *Storm) Count(ctx context.Context) error {
	desk := s.Net.Nodes[0].Network
	windows, err := desk.Windows(ctx)
	if err != nil {
		return err
	}
	for _, w := range windows {
		if s.seen[int64(w.Height)] || (w.Phase != rig.WindowClosed && w.Phase != rig.WindowVoid) {
			continue
		}
		s.seen[int64(w.Height)] = true
		s.Tally.Windows++
		if w.Phase == rig.WindowVoid {
			s.Tally.Void++
		} else {
			s.Tally.Closed++
			s.Tally.Missed += len(s.Workers) - int(w.Commits)
			s.Tally.Proved, s.Tally.Silent, s.Tally.Wrong = s.Tally.Proved+int(w.Proved), s.Tally.Silent+int(w.Silent), s.Tally.Wrong+int(w.Wrong)
		}
	}
	for _, worker := range s.Workers {
		slashes, err := desk.SlashesAt(ctx, worker.Address, 0)
		if err != nil {
			return err
		}
		s.Tally.Slashed = max(s.Tally.Slashed, len(slashes))
		if len(slashes) > 0 {
			return fmt.Errorf("honest node %s was slashed: %s, %s", worker.Address, slashes[0].Reason, slashes[0].Evidence)
		}
	}
	if s.Tally.Wrong > 0 {
		return fmt.Errorf("%d proofs of honest nodes were called wrong", s.Tally.Wrong)
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
