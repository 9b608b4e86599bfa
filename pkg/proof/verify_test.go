package proof_test

import (
	"crypto/sha256"
	"encoding/binary"
	"math/big"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/proof"
	"github.com/edgematrix/emc/pkg/proof/kernel"
	"github.com/edgematrix/emc/pkg/proof/prover"
)

// honest is a window with a commitment and its proof.
type honest struct {
	window     proof.Window
	commitment proof.Commitment
	beacon     [32]byte
	k          int
	proof      []byte
}

func (h honest) verify() error {
	return proof.Verify(h.window, h.commitment, h.beacon, h.k, h.proof)
}

func honestProof(t testing.TB, rounds uint64, k int) honest {
	t.Helper()
	h := honest{window: sampleWindow(10), beacon: sampleBeacon, k: k}
	p, err := prover.New(h.window, prover.Config{Rounds: rounds})
	require.NoError(t, err)
	p.Run(t.Context())
	h.commitment, _, err = p.Commit()
	require.NoError(t, err)
	h.proof, err = p.Open(t.Context(), h.commitment, h.beacon, k)
	require.NoError(t, err)
	return h
}

// Each field of what a verifier is told, and each byte of the proof, changed in
// turn: none is accepted.
func TestMutations(t *testing.T) {
	h := honestProof(t, 5, 4)
	require.NoError(t, h.verify())

	fields := map[string]struct {
		change func(*honest)
		err    error
	}{
		"chain id":           {func(h *honest) { h.window.ChainID += "x" }, nil},
		"height":             {func(h *honest) { h.window.Height++ }, nil},
		"height, by 2^32":    {func(h *honest) { h.window.Height += 1 << 32 }, nil},
		"beacon":             {func(h *honest) { h.window.Beacon[31] ^= 1 }, nil},
		"node":               {func(h *honest) { h.window.Node[0] ^= 1 }, nil},
		"key":                {func(h *honest) { h.window.PubKey[32] ^= 1 }, nil},
		"kind":               {func(h *honest) { h.window.Kind++ }, proof.ErrKind},
		"size of the window": {func(h *honest) { h.window.LogN++ }, proof.ErrSize},
		"size":               {func(h *honest) { h.commitment.LogN++ }, proof.ErrSize},
		"both sizes":         {func(h *honest) { h.commitment.LogN++; h.window.LogN++ }, proof.ErrLength},
		"one round more":     {func(h *honest) { h.commitment.Rounds++ }, proof.ErrPath},
		"one round less":     {func(h *honest) { h.commitment.Rounds-- }, nil},
		"root":               {func(h *honest) { h.commitment.Root[0] ^= 0x80 }, proof.ErrPath},
		"sample's beacon":    {func(h *honest) { h.beacon[0] ^= 1 }, proof.ErrPath},
		"one sample more":    {func(h *honest) { h.k++ }, proof.ErrLength},
		"one sample less":    {func(h *honest) { h.k-- }, proof.ErrLength},
		"no sample":          {func(h *honest) { h.k, h.proof = 0, nil }, proof.ErrLength},
		"negative samples":   {func(h *honest) { h.k = -1 }, proof.ErrLength},
		"a byte more":        {func(h *honest) { h.proof = append(h.proof, 0) }, proof.ErrLength},
		"a byte less":        {func(h *honest) { h.proof = h.proof[:len(h.proof)-1] }, proof.ErrLength},
		"an opening less":    {func(h *honest) { h.proof = h.proof[:len(h.proof)/4*3] }, proof.ErrLength},
		"nothing":            {func(h *honest) { h.proof = nil }, proof.ErrLength},
		"two openings swapped": {func(h *honest) {
			size := len(h.proof) / 4
			a, b := h.proof[:size], h.proof[size:2*size]
			for i := range a {
				a[i], b[i] = b[i], a[i]
			}
		}, proof.ErrPath},
		"one opening twice": {func(h *honest) {
			size := len(h.proof) / 4
			copy(h.proof[size:], h.proof[:size])
		}, proof.ErrPath},
	}
	for name, row := range fields {
		t.Run(name, func(t *testing.T) {
			changed := h
			changed.proof = append([]byte(nil), h.proof...)
			row.change(&changed)
			err := changed.verify()
			require.Error(t, err)
			if row.err != nil {
				require.ErrorIs(t, err, row.err)
			}
			t.Log(err)
		})
	}

	t.Run("every byte", func(t *testing.T) {
		changed := h
		changed.proof = append([]byte(nil), h.proof...)
		for i := range h.proof {
			bit := byte(1) << (i % 8)
			changed.proof[i] ^= bit
			require.ErrorIs(t, changed.verify(), proof.ErrPath, "byte %d", i)
			changed.proof[i] ^= bit
		}
		require.NoError(t, changed.verify())
	})
	t.Run("every integer of the commitment", func(t *testing.T) {
		for logN := range 256 {
			for _, rounds := range []uint64{0, 1, 5, proof.MaxRounds, proof.MaxRounds + 1, 1 << 63, 1<<64 - 1} {
				changed := h
				changed.commitment.LogN, changed.commitment.Rounds = uint8(logN), rounds
				if changed.commitment == h.commitment {
					continue
				}
				require.Error(t, changed.verify(), "2^%d, %d rounds", logN, rounds)
			}
		}
	})
}

// A digest that is wrong, under a root that was made of it: only multiplying
// finds it, and every kernel does.
func TestWrongTile(t *testing.T) {
	h := honestProof(t, 2, 4)
	f := newForger(h.window, 2)
	c, out := f.prove(h.beacon, 4)
	require.Equal(t, h.commitment, c, "without a wrong digest it is the honest proof")
	require.Equal(t, h.proof, out)
	for _, delta := range []uint64{1, 1 << 32, 1 << 63, ^uint64(0)} {
		for j := range f.leaves {
			for i := range f.leaves[j] {
				f.leaves[j][i] += delta
			}
		}
		c, out := f.prove(h.beacon, 4)
		for _, k := range kernel.All() {
			require.ErrorIs(t, proof.VerifyWith(k, h.window, c, h.beacon, 4, out), proof.ErrLeaf)
		}
		for j := range f.leaves {
			for i := range f.leaves[j] {
				f.leaves[j][i] -= delta
			}
		}
	}
}

// Bad input is refused before anything is multiplied, or allocated in proportion
// to what it claims.
func TestBadInputCostsNothing(t *testing.T) {
	h := honestProof(t, 2, 4)
	for name, change := range map[string]func(*honest){
		"rounds of zero":       func(h *honest) { h.commitment.Rounds = 0 },
		"rounds near 2^64":     func(h *honest) { h.commitment.Rounds = 1<<64 - 1 },
		"as many as there may": func(h *honest) { h.commitment.Rounds = proof.MaxRounds },
		"many samples":         func(h *honest) { h.k = 1 << 40 },
		"overflowing samples":  func(h *honest) { h.k = 1 << 62 },
		"huge n":               func(h *honest) { h.commitment.LogN, h.window.LogN = 200, 200 },
		"truncated":            func(h *honest) { h.proof = h.proof[:100] },
		"trailing":             func(h *honest) { h.proof = append(h.proof, make([]byte, 1<<20)...) },
		"another root":         func(h *honest) { h.commitment.Root = proof.Digest{} },
	} {
		changed := h
		changed.proof = append([]byte(nil), h.proof...)
		change(&changed)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := proof.VerifyWith(noKernel{}, changed.window, changed.commitment, changed.beacon, changed.k, changed.proof)
		runtime.ReadMemStats(&after)
		require.Error(t, err, name)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(64<<10), name)
	}
}

// noKernel multiplies nothing.
type noKernel struct{ kernel.Kernel }

func (noKernel) TileScratch(int) int { panic("it was about to multiply") }
func (noKernel) Leaf(_, _ *[kernel.Tile]uint64, _ int, _ []byte) uint64 {
	panic("it multiplied")
}

// The sample depends on all that it is drawn from, and reaches all rounds and
// leaves evenly.
func TestSample(t *testing.T) {
	w := sampleWindow(10)
	c := proof.Commitment{LogN: 10, Rounds: 7}
	seed := proof.SampleSeed(sampleBeacon, w.Seed(), c)
	other := c
	other.Rounds++
	require.NotEqual(t, seed, proof.SampleSeed(sampleBeacon, w.Seed(), other))
	other = c
	other.Root[5]++
	require.NotEqual(t, seed, proof.SampleSeed(sampleBeacon, w.Seed(), other))
	require.NotEqual(t, seed, proof.SampleSeed([32]byte{}, w.Seed(), c))
	require.NotEqual(t, seed, proof.SampleSeed(sampleBeacon, sampleWindow(11).Seed(), c))

	const draws = 70_000
	rounds, quarters := make([]int, 7), make([]int, 4)
	for i := range uint32(draws) {
		s := proof.SampleAt(seed, c, i)
		require.Less(t, s.Round, c.Rounds)
		require.Less(t, s.Leaf, proof.Leaves(10))
		rounds[s.Round]++
		quarters[s.Leaf*4/proof.Leaves(10)]++
	}
	for _, list := range [][]int{rounds, quarters} {
		for _, hits := range list {
			require.InEpsilon(t, float64(draws)/float64(len(list)), float64(hits), 0.05)
		}
	}
}

// bigRound is the round of a sample by big integers.
func bigRound(seed proof.Digest, i uint32, rounds uint64) uint64 {
	x := sha256.Sum256(binary.LittleEndian.AppendUint32(seed[:], i))
	slices.Reverse(x[:16])
	return new(big.Int).Mod(new(big.Int).SetBytes(x[:16]), new(big.Int).SetUint64(rounds)).Uint64()
}

// The reduction of 128 bits is the one of big integers, at awkward divisors.
func TestSampleReduction(t *testing.T) {
	for _, rounds := range []uint64{1, 2, 3, 5, 1<<24 - 1, 1 << 24} {
		c := proof.Commitment{LogN: 14, Rounds: rounds}
		seed := proof.SampleSeed(sampleBeacon, proof.Digest{}, c)
		for i := range uint32(100) {
			require.Equal(t, bigRound(seed, i, rounds), proof.SampleAt(seed, c, i).Round)
		}
	}
}

// FuzzVerify feeds a verifier anything: it never panics, and accepts nothing but
// the honest proof.
func FuzzVerify(f *testing.F) {
	h := honestProof(f, 3, 2)
	f.Add(h.proof, h.commitment.Rounds, h.commitment.LogN, 2)
	f.Add([]byte{}, uint64(0), uint8(0), 0)
	f.Add(h.proof[:100], uint64(1<<63), uint8(14), 1<<40)
	f.Fuzz(func(t *testing.T, raw []byte, rounds uint64, logN uint8, k int) {
		changed := h
		changed.proof, changed.commitment.Rounds, changed.commitment.LogN, changed.k = raw, rounds, logN, k
		changed.window.LogN = logN
		same := string(raw) == string(h.proof) && rounds == h.commitment.Rounds && logN == h.commitment.LogN && k == h.k
		if err := changed.verify(); (err == nil) != same {
			t.Fatalf("%d bytes, %d rounds of 2^%d, %d samples: %v", len(raw), rounds, logN, k, err)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	w := sampleWindow(12)
	p, err := prover.New(w, prover.Config{Rounds: 2})
	require.NoError(b, err)
	p.Run(b.Context())
	c, _, err := p.Commit()
	require.NoError(b, err)
	out, err := p.Open(b.Context(), c, sampleBeacon, 32)
	require.NoError(b, err)
	for _, k := range kernel.All() {
		b.Run(k.Name(), func(b *testing.B) {
			for b.Loop() {
				if err := proof.VerifyWith(k, w, c, sampleBeacon, 32, out); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
