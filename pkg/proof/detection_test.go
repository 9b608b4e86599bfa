package proof_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/proof"
)

// forger commits to leaves of its own choice, and proves them as an honest node
// would.
type forger struct {
	window proof.Window
	leaves [][]uint64 // by round
}

// newForger begins with the honest leaves.
func newForger(w proof.Window, rounds uint64) *forger {
	f := &forger{window: w}
	for j := range rounds {
		f.leaves = append(f.leaves, leavesOf(w, j))
	}
	return f
}

func (f *forger) prove(beacon [32]byte, k int) (proof.Commitment, []byte) {
	var roots []proof.Digest
	for _, leaves := range f.leaves {
		roots = append(roots, proof.RoundRoot(proof.ChunkNodes(leaves)))
	}
	c := proof.Commitment{LogN: f.window.LogN, Rounds: uint64(len(roots)), Root: proof.Root(roots)}
	var out []byte
	for _, s := range proof.Draw(beacon, f.window.Seed(), c, k) {
		out = proof.AppendOpening(out, f.leaves[s.Round], roots, s)
	}
	return c, out
}

// spoil makes so many of the leaves wrong; what it returns mends them.
func (f *forger) spoil(random *rand.Rand, share float64) (mend func()) {
	each := len(f.leaves[0])
	chosen := random.Perm(each * len(f.leaves))
	chosen = chosen[:int(math.Round(share*float64(len(chosen))))]
	for _, i := range chosen {
		f.leaves[i/each][i%each]++
	}
	return func() {
		for _, i := range chosen {
			f.leaves[i/each][i%each]--
		}
	}
}

// Whoever leaves out a share p of the work is caught with probability
// 1 − (1−p)^k: 20,000 proofs with wrong digests, through the real transcript.
func TestDetection(t *testing.T) {
	each := 2_500
	if testing.Short() {
		each = 200
	}
	f := newForger(sampleWindow(10), 2)
	random := rand.New(rand.NewPCG(5, 6))
	for _, k := range []int{16, 32} {
		for _, percent := range []int{1, 5, 10, 20} {
			t.Run(fmt.Sprintf("k=%d p=%d%%", k, percent), func(t *testing.T) {
				share := float64(percent) / 100
				caught := 0
				for range each {
					mend := f.spoil(random, share)
					var beacon [32]byte
					for i := range beacon {
						beacon[i] = byte(random.Uint32())
					}
					c, out := f.prove(beacon, k)
					if err := proof.Verify(f.window, c, beacon, k, out); err != nil {
						require.ErrorIs(t, err, proof.ErrLeaf)
						caught++
					}
					mend()
				}
				expected := 1 - math.Pow(1-share, float64(k))
				measured := float64(caught) / float64(each)
				deviation := math.Sqrt(expected * (1 - expected) / float64(each))
				t.Logf("caught %.4f, expected %.4f ± %.4f", measured, expected, deviation)
				require.InDelta(t, expected, measured, 4*deviation)
			})
		}
	}
}
