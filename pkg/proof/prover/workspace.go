package prover

import (
	"fmt"
	"sync"

	"github.com/edgematrix/emc/pkg/proof"
	"github.com/edgematrix/emc/pkg/proof/kernel"
)

// Workspace is the memory of a prover, made and touched before a window opens:
// within it, pages that the system has yet to find would cost the time of many
// rounds. It serves one window after the other.
type Workspace struct {
	config Config
	logN   uint8

	mu    sync.Mutex // held while a prover works here
	teams []teamSpace
}

// teamSpace is the memory of a team.
type teamSpace struct {
	operands [2][]byte // B, of the round under way and of the next
	cores    [][]byte  // rows of A, for each core
}

// Reserve makes the workspace for windows of n = 2^logN.
func Reserve(c Config, logN uint8) (*Workspace, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	if logN < proof.MinLogN || logN > proof.MaxLogN {
		return nil, fmt.Errorf("prover: %w: 2^%d", proof.ErrSize, logN)
	}
	return &Workspace{config: c, logN: logN, teams: newSpaces(c, logN)}, nil
}

func newSpaces(c Config, logN uint8) []teamSpace {
	n := 1 << logN
	_, cols := c.Kernel.Shape()
	var teams []teamSpace
	for first := 0; first < c.Threads; first += teamSize {
		var t teamSpace
		for i := range t.operands {
			t.operands[i] = newOperand(c.Kernel.PanelB(n) * (n / cols))
			clear(t.operands[i])
		}
		for range min(teamSize, c.Threads-first) {
			t.cores = append(t.cores, kernel.Buffer(c.Kernel.PanelA(n)*groups(c.Kernel, n)))
		}
		teams = append(teams, t)
	}
	return teams
}

// take lends the memory; who comes while it is lent gets some of his own.
func (s *Workspace) take() (teams []teamSpace, giveBack func()) {
	if s.mu.TryLock() {
		return s.teams, s.mu.Unlock
	}
	return newSpaces(s.config, s.logN), func() {}
}

// Prover prepares the work of a window. Roots are those of rounds that an earlier
// prover of the same window finished, before a restart; what is drawn of them is
// multiplied again.
func (s *Workspace) Prover(w proof.Window, roots ...proof.Digest) (*Prover, error) {
	if err := w.Validate(); err != nil {
		return nil, err
	}
	if w.LogN != s.logN {
		return nil, fmt.Errorf("prover: %w: the window is for n = 2^%d, the workspace for 2^%d", proof.ErrSize, w.LogN, s.logN)
	}
	if uint64(len(roots)) > s.config.Rounds {
		return nil, fmt.Errorf("prover: %w: %d are finished, expected at most %d", proof.ErrRounds, len(roots), s.config.Rounds)
	}
	return newProver(w, s, roots), nil
}
