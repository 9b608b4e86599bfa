//go:build emc_cheat

package power

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/edgematrix/emc/pkg/proof"
	"github.com/edgematrix/emc/pkg/proof/kernel"
	"github.com/edgematrix/emc/pkg/proof/prover"
)

// newStrategy is the trick that the environment names. A worker with these is
// built by test/cheaters alone, which holds each against the chain.
func newStrategy() strategy {
	trick := os.Getenv("EMC_CHEAT")
	if trick == "" {
		return honest{}
	}
	return &cheat{trick: trick}
}

// The tricks.
const (
	// skip leaves out a tenth of the tiles.
	skip = "skip"
	// inflate shows each round a thousand times.
	inflate = "inflate"
	// smaller does rounds of a smaller n than it commits to.
	smaller = "smaller"
	// replay commits to what another node committed to.
	replay = "replay"
	// otherKey does the work of another node's key.
	otherKey = "other-key"
	// precompute does the work of a beacon that it guessed.
	precompute = "precompute"
	// garbage opens with random bytes.
	garbage = "garbage"
	// silent commits and never opens.
	silent = "silent"
)

// forgedRounds is how many rounds a forger really has.
const forgedRounds = 3

// cheat is a node with one trick.
type cheat struct {
	trick  string
	task   proof.Window
	leaves [][]uint64
	roots  []proof.Digest
}

// window implements strategy.
func (c *cheat) window(w proof.Window) proof.Window {
	c.task, c.leaves, c.roots = w, nil, nil
	switch c.trick {
	case otherKey:
		w.PubKey[32] ^= 1
	case precompute:
		w.Beacon = sha256.Sum256([]byte("a guess"))
	}
	return w
}

// commit implements strategy.
func (c *cheat) commit(p *prover.Prover) (proof.Commitment, []proof.Digest, error) {
	switch c.trick {
	case skip:
		c.forge(c.task.LogN, 10)
	case inflate:
		c.forge(c.task.LogN, 0)
		for len(c.roots) < 1000*forgedRounds {
			c.roots = append(c.roots, c.roots[len(c.roots)-forgedRounds])
		}
	case smaller:
		c.forge(c.task.LogN-1, 0)
	case replay:
		return stolen()
	default:
		return p.Commit()
	}
	return proof.Commitment{LogN: c.task.LogN, Rounds: uint64(len(c.roots)), Root: proof.Root(c.roots)}, c.roots, nil
}

// forge makes all digests of a few rounds of n = 2^logN; of each so many tiles it
// leaves one out.
func (c *cheat) forge(logN uint8, each int) {
	task := c.task
	task.LogN = logN
	best, across := kernel.Best(), uint64(1)<<(logN-4)
	scratch := kernel.Buffer(best.TileScratch(task.N()))
	c.leaves, c.roots = nil, nil
	for round := range uint64(forgedRounds) {
		seed := proof.RoundSeed(task.Seed(), round)
		leaves := make([]uint64, proof.Leaves(logN))
		for i := range leaves {
			if each > 0 && i%each == 0 {
				continue
			}
			var rows, cols [kernel.Tile]uint64
			proof.Keys(rows[:], seed, proof.A, int(uint64(i)/across)*kernel.Tile)
			proof.Keys(cols[:], seed, proof.B, int(uint64(i)%across)*kernel.Tile)
			leaves[i] = best.Leaf(&rows, &cols, task.N(), scratch)
		}
		c.leaves = append(c.leaves, leaves)
		c.roots = append(c.roots, proof.RoundRoot(proof.ChunkNodes(leaves)))
	}
}

// open implements strategy: what it returns is sent, right or wrong.
func (c *cheat) open(ctx context.Context, p *prover.Prover, on proof.Commitment, draw [32]byte, samples int) ([]byte, error) {
	size := proof.Size(on, samples)
	switch c.trick {
	case silent:
		return nil, errors.New("this node keeps silent")
	case garbage, replay:
		out := make([]byte, 0, size+sha256.Size)
		for block := sha256.Sum256(draw[:]); len(out) < size; block = sha256.Sum256(block[:]) {
			out = append(out, block[:]...)
		}
		return out[:size], nil
	case otherKey, precompute:
		return p.Open(ctx, on, draw, samples)
	}
	var out []byte
	for _, s := range proof.Draw(draw, c.task.Seed(), on, samples) {
		leaves := c.leaves[s.Round%uint64(len(c.leaves))]
		s.Leaf %= uint64(len(leaves))
		out = proof.AppendOpening(out, leaves, c.roots, s)
	}
	return append(out, make([]byte, max(0, size-len(out)))...)[:size], nil
}

// stolen is the commitment of the node that the environment names, as the chain
// has it.
func stolen() (proof.Commitment, []proof.Digest, error) {
	var answer struct {
		Commit struct {
			Log2N  uint8  `json:"log2_n"`
			Rounds string `json:"rounds"`
			Root   string `json:"root"`
		} `json:"commit"`
	}
	client := http.Client{Timeout: 2 * time.Second}
	r, err := client.Get(os.Getenv("EMC_CHEAT_REST") + "/emc/poc/v1/proofs/" + os.Getenv("EMC_CHEAT_VICTIM"))
	if err != nil {
		return proof.Commitment{}, nil, err
	}
	defer r.Body.Close()
	if err := json.NewDecoder(r.Body).Decode(&answer); err != nil || r.StatusCode != http.StatusOK {
		return proof.Commitment{}, nil, fmt.Errorf("nothing to steal yet: %s, %w", r.Status, err)
	}
	rounds, err := strconv.ParseUint(answer.Commit.Rounds, 10, 64)
	if err != nil {
		return proof.Commitment{}, nil, err
	}
	root, err := base64.StdEncoding.DecodeString(answer.Commit.Root)
	if err != nil || len(root) != sha256.Size {
		return proof.Commitment{}, nil, fmt.Errorf("a root of %d bytes, %w", len(root), err)
	}
	return proof.Commitment{LogN: answer.Commit.Log2N, Rounds: rounds, Root: proof.Digest(root)}, nil, nil
}
