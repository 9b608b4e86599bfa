package proof_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/proof"
	"github.com/edgematrix/emc/pkg/proof/kernel"
	"github.com/edgematrix/emc/pkg/proof/prover"
)

// sampleWindow is a window whose every byte differs from its neighbours.
func sampleWindow(logN uint8) proof.Window {
	w := proof.Window{ChainID: "emc-local-1", Height: 0x01020304050607, Kind: proof.KindInt8, LogN: logN}
	for i := range w.Beacon {
		w.Beacon[i] = byte(0x40 + i)
	}
	for i := range w.Node {
		w.Node[i] = byte(0x80 + i)
	}
	w.PubKey[0] = 2
	for i := range w.PubKey[1:] {
		w.PubKey[1+i] = byte(0xA0 + i)
	}
	return w
}

var sampleBeacon = [32]byte(bytes.Repeat([]byte{0xC3, 0x5A}, 16))

func windowOf(w proof.Window) windowVector {
	chain := sha256.Sum256([]byte(w.ChainID))
	pre := append([]byte("emc/poc/win/1"), chain[:]...)
	pre = binary.LittleEndian.AppendUint64(pre, w.Height)
	pre = append(append(append(pre, w.Beacon[:]...), w.Node[:]...), w.PubKey[:]...)
	pre = append(pre, w.Kind, w.LogN)
	return windowVector{
		ChainID: w.ChainID, Height: w.Height, Beacon: w.Beacon, Node: hex.EncodeToString(w.Node[:]), PubKey: hex.EncodeToString(w.PubKey[:]),
		Kind: w.Kind, LogN: w.LogN, ChainHash: chain, Preimage: hex.EncodeToString(pre), Seed: w.Seed(),
	}
}

func generatorOf(key uint64) generatorVector {
	v := generatorVector{Key: word(key)}
	for i := range 4 {
		e := kernel.Entries(key, i)
		v.Words = append(v.Words, word(e))
		for k := range kernel.Word {
			v.Entries = append(v.Entries, int8(e>>(8*k)))
		}
	}
	return v
}

func tileOf(logN uint8, round, tile uint64) tileVector {
	w := sampleWindow(logN)
	n := w.N()
	across := uint64(n / kernel.Tile)
	seed := proof.RoundSeed(w.Seed(), round)
	v := tileVector{
		LogN: logN, Window: w.Seed(), Round: round, RoundSeed: seed, Tile: tile,
		Row: int(tile/across) * kernel.Tile, Col: int(tile%across) * kernel.Tile,
	}
	var rows, cols [kernel.Tile]uint64
	proof.Keys(rows[:], seed, proof.A, v.Row)
	proof.Keys(cols[:], seed, proof.B, v.Col)
	v.Rows, v.Cols = words(rows[:]), words(cols[:])
	v.RowHead, v.ColHead = generatorOf(rows[0]).Entries[:16], generatorOf(cols[0]).Entries[:16]
	var leaf uint64
	for _, a := range rows {
		for _, b := range cols {
			var c int32
			for i := range n / kernel.Word {
				x, y := kernel.Entries(a, i), kernel.Entries(b, i)
				for k := range kernel.Word {
					c += int32(int8(x>>(8*k))) * int32(int8(y>>(8*k)))
				}
			}
			v.C = append(v.C, c)
			leaf += kernel.Fold(c)
		}
	}
	v.Leaf = word(leaf)
	return v
}

// levels are all levels of a tree, the root last.
func levels(nodes []proof.Digest) [][]proof.Digest {
	out := [][]proof.Digest{nodes}
	for len(nodes) > 1 {
		var up []proof.Digest
		for i := 0; i < len(nodes); i += 2 {
			h := sha256.Sum256(append(append([]byte{1}, nodes[i][:]...), nodes[i+1][:]...))
			up = append(up, h)
		}
		nodes = up
		out = append(out, nodes)
	}
	return out
}

// leavesOf are all leaves of a round, tile by tile.
func leavesOf(w proof.Window, round uint64) []uint64 {
	seed := proof.RoundSeed(w.Seed(), round)
	across := w.N() / kernel.Tile
	rows, cols := make([][kernel.Tile]uint64, across), make([][kernel.Tile]uint64, across)
	for i := range across {
		proof.Keys(rows[i][:], seed, proof.A, i*kernel.Tile)
		proof.Keys(cols[i][:], seed, proof.B, i*kernel.Tile)
	}
	k := kernel.Best()
	scratch := kernel.Buffer(k.TileScratch(w.N()))
	out := make([]uint64, 0, across*across)
	for i := range rows {
		for j := range cols {
			out = append(out, k.Leaf(&rows[i], &cols[j], w.N(), scratch))
		}
	}
	return out
}

func roundOf(logN uint8, round uint64) roundVector {
	w := sampleWindow(logN)
	leaves := leavesOf(w, round)
	all := sha256.New()
	for _, leaf := range leaves {
		_ = binary.Write(all, binary.LittleEndian, leaf)
	}
	tree := levels(proof.ChunkNodes(leaves))
	return roundVector{
		LogN: logN, Window: w.Seed(), Round: round, RoundSeed: proof.RoundSeed(w.Seed(), round),
		Leaves: words(leaves[:proof.ChunkLeaves]), AllLeaves: proof.Digest(all.Sum(nil)), Levels: tree, Root: tree[len(tree)-1][0],
	}
}

// proofOf is an honest proof; with twice, under the first beacon that draws a
// tile twice.
func proofOf(t *testing.T, logN uint8, rounds uint64, k int, twice bool) proofVector {
	t.Helper()
	w := sampleWindow(logN)
	p, err := prover.New(w, prover.Config{Rounds: rounds})
	require.NoError(t, err)
	p.Run(t.Context())
	c, roots, err := p.Commit()
	require.NoError(t, err)
	beacon := sampleBeacon
	for twice && !hasDouble(proof.Draw(beacon, w.Seed(), c, k)) {
		beacon[0]++
	}
	out, err := p.Open(t.Context(), c, beacon, k)
	require.NoError(t, err)

	var nodes []proof.Digest
	for j, root := range roots {
		nodes = append(nodes, proof.RoundLeaf(uint64(j), root))
	}
	for len(nodes)&(len(nodes)-1) != 0 {
		nodes = append(nodes, proof.Digest{})
	}
	v := proofVector{
		Window: windowOf(w), RoundRoots: roots, RoundLevels: levels(nodes), Commitment: c, Beacon: beacon,
		SampleSeed: proof.SampleSeed(beacon, w.Seed(), c), K: k, Proof: hex.EncodeToString(out),
	}
	for i := range k {
		x := sha256.Sum256(binary.LittleEndian.AppendUint32(v.SampleSeed[:], uint32(i)))
		o := openingVector{X: x, Sample: proof.SampleAt(v.SampleSeed, c, uint32(i)), ChunkPath: []proof.Digest{}, RoundPath: []proof.Digest{}}
		raw := out[i*proof.OpeningSize(c):][:proof.OpeningSize(c)]
		for j := range proof.ChunkLeaves {
			o.Chunk = append(o.Chunk, word(binary.LittleEndian.Uint64(raw[8*j:])))
		}
		path := raw[proof.ChunkSize:]
		for len(path) > 0 {
			d := proof.Digest(path[:32])
			if len(o.ChunkPath) < 2*(int(logN)-4)-6 {
				o.ChunkPath = append(o.ChunkPath, d)
			} else {
				o.RoundPath = append(o.RoundPath, d)
			}
			path = path[32:]
		}
		v.Openings = append(v.Openings, o)
	}
	return v
}

func hasDouble(samples []proof.Sample) bool {
	seen := map[proof.Sample]bool{}
	for _, s := range samples {
		if seen[s] {
			return true
		}
		seen[s] = true
	}
	return false
}

// rejected are an honest proof changed in one way each, and one whose digests are
// all wrong, under a root that was made of them.
func rejected(t *testing.T, honest proofVector) (list []rejectedVector) {
	t.Helper()
	raw, err := hex.DecodeString(honest.Proof)
	require.NoError(t, err)
	add := func(fault string, c proof.Commitment, out []byte) {
		list = append(list, rejectedVector{honest.Window, c, honest.Beacon, honest.K, hex.EncodeToString(out), fault})
	}
	c := honest.Commitment
	add("length", c, raw[:len(raw)-1])
	add("length", c, append(bytes.Clone(raw), 0))
	for _, at := range []int{0, proof.ChunkSize, len(raw) - 1} { // a leaf, and both paths
		changed := bytes.Clone(raw)
		changed[at] ^= 1
		add("path", c, changed)
	}
	other := c
	other.Root[0] ^= 1
	add("path", other, raw)
	other = c
	other.Rounds = proof.MaxRounds + 1
	add("rounds", other, raw)
	f := newForger(sampleWindow(c.LogN), c.Rounds)
	for i := range f.leaves[0] {
		f.leaves[0][i]++
	}
	wrong, out := f.prove(honest.Beacon, honest.K)
	add("leaf", wrong, out)
	return list
}
