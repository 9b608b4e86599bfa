package router

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/test/e2e/rig"
)

// windows are short ones of the proof, which come every few seconds.
const windows = `    poc:
      params:
        key_delay_blocks: "10"
        window_gap_blocks: "16"
        window_mean_blocks: "2"
        window_blocks: "7"
        window_milliseconds: "4000"
        draw_blocks: "20"
        reveal_blocks: "8"
        power_windows: 4
        max_silent: 100
        stake_per_e: {denom: uemc, amount: "10000000"}
        target_power: "100000000"
`

// follow is a command that prints an event in each line.
func (s *site) follow(name, program string, args ...string) *rig.Process {
	s.Helper()
	p, err := rig.Launch(filepath.Join(s.dir, name+".events"), os.Environ(), "", program, append(args, "--json")...)
	require.NoError(s, err)
	s.Cleanup(p.Kill)
	return p
}

// tells waits until one line of what is followed has all of these words.
func (s *site) tells(p *rig.Process, words ...string) {
	s.Helper()
	require.NoError(s, rig.Eventually(s.ctx, patience, fmt.Sprint("an event with ", words), func() (bool, error) {
		for line := range strings.Lines(p.Output()) {
			all := true
			for _, w := range words {
				all = all && strings.Contains(line, w)
			}
			if all {
				s.Log("told", words)
				return true, nil
			}
		}
		return false, fmt.Errorf("it was told:\n%s", rig.Tail(p.Output(), 20))
	}))
}

// What happens to a node is followed at the chain, at a router and at the node itself: it comes with its price, it is
// busy, a window of the proof holds it, and it goes. Two routers find each other by the chain.
func TestEvents(t *testing.T) {
	t.Parallel()
	s := newSiteOf(t, small, config+windows)
	second := rig.NewRouter(s.net, filepath.Join(s.dir, "second"))
	require.NoError(t, second.Up(s.ctx))
	t.Cleanup(second.Kill)
	chain := s.follow("chain", s.net.Bin.Emcd(), "events", "--node", s.net.RPC)
	router := s.follow("router", s.net.Bin.Router(), "status", "--follow", "--home", second.Home)
	s.tells(router, `"router"`, `"routers":1`)

	a := newApp(t)
	w := rig.NewWorker(s.net, filepath.Join(s.dir, "worker"))
	w.Proves = true
	w.Env = []string{"EMC_WORKER_PROOF_THREADS=1", "EMC_WORKER_PROOF_LOG2_N=10", "EMC_WORKER_PROOF_MEMORY=64MiB"}
	require.NoError(t, w.Up(s.ctx, "--stake", "40emc"))
	t.Cleanup(w.Kill)
	node := s.follow("worker", s.net.Bin.Worker(), "status", "--follow", "--home", w.Home)
	_, err := w.Run(s.ctx, "service", "add", model, "--price", fmt.Sprintf("%duemc", unitPrice), "--url", a.URL)
	require.NoError(t, err)

	s.tells(chain, "node_registered", w.Address)
	s.tells(router, w.Address, fmt.Sprintf(`"unit_price":%d`, unitPrice), `"ready":true`)
	s.tells(router, `"app"`, model, `"nodes":1`)
	s.tells(chain, "window_opened")
	s.tells(router, w.Address, `"proving":true`)
	s.tells(node, `"calls"`, model, fmt.Sprintf(`"unit_price":%d`, unitPrice))
	s.tells(node, `"power"`, `"proving":true`)
	s.tells(chain, "window_drawn")
	w.Kill()
	s.tells(router, `"gone"`, w.Address)
}
