package proof_test

import (
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/proof"
	"github.com/edgematrix/emc/pkg/proof/kernel"
)

var update = flag.Bool("update", false, "rewrite the golden vectors in testdata")

// vectors are every step from a window to a verified proof. docs/proof.md says
// what each name means.
type vectors struct {
	Generator []generatorVector `json:"generator"`
	Fold      []foldVector      `json:"fold"`
	Windows   []windowVector    `json:"windows"`
	Tiles     []tileVector      `json:"tiles"`
	Rounds    []roundVector     `json:"rounds"`
	Proofs    []proofVector     `json:"proofs"`
	Rejected  []rejectedVector  `json:"rejected"`
	Power     []powerVector     `json:"power"`
}

// faults are the errors by their names in the vectors.
var faults = map[string]error{
	"length": proof.ErrLength, "rounds": proof.ErrRounds, "path": proof.ErrPath, "leaf": proof.ErrLeaf,
}

// Every hashed or packed byte stands in testdata/vectors.json: a change here is a
// change of the protocol.
func TestVectors(t *testing.T) {
	var got vectors
	for _, key := range []uint64{0, 1, 0x0123456789ABCDEF, ^uint64(0)} {
		got.Generator = append(got.Generator, generatorOf(key))
	}
	for _, x := range []int32{0, 1, -1, 127 * 127, -128 * 127, 1 << 28, -1 << 28, 1<<31 - 1, -1 << 31} {
		got.Fold = append(got.Fold, foldVector{x, word(kernel.Fold(x))})
	}
	for logN := uint8(proof.MinLogN); logN <= proof.MaxLogN; logN++ {
		got.Windows = append(got.Windows, windowOf(sampleWindow(logN)))
	}
	for _, v := range []struct {
		logN        uint8
		round, tile uint64
	}{{10, 0, 0}, {10, 1, 4095}, {10, 1 << 33, 65}, {11, 0, 0}, {11, 2, 16383}, {11, 3, 129}, {12, 4, 257}, {13, 0, 1 << 17}, {14, 5, 1<<20 - 1}} {
		got.Tiles = append(got.Tiles, tileOf(v.logN, v.round, v.tile))
	}
	got.Rounds = []roundVector{roundOf(10, 0), roundOf(10, 2), roundOf(11, 1)}
	got.Proofs = []proofVector{
		proofOf(t, 10, 1, 2, false), proofOf(t, 10, 2, 2, false), proofOf(t, 10, 5, 16, false), proofOf(t, 10, 1, 32, true),
		proofOf(t, 11, 3, 32, false),
	}
	got.Rejected = rejected(t, got.Proofs[0])
	for _, v := range []powerVector{
		{Commitment: proof.Commitment{LogN: 12, Rounds: 100}, Nanoseconds: 12_000_000_000},
		{Commitment: proof.Commitment{LogN: 10, Rounds: 1}, Nanoseconds: 12_345_678_901},
		{Commitment: proof.Commitment{LogN: 14, Rounds: proof.MaxRounds}, Nanoseconds: 1},
	} {
		v.MicroE = microE(v)
		got.Power = append(got.Power, v)
	}

	path := filepath.Join("testdata", "vectors.json")
	if *update {
		data, err := json.MarshalIndent(got, "", " ")
		require.NoError(t, err)
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, append(data, '\n'), 0o644))
	}
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	var want vectors
	require.NoError(t, json.Unmarshal(data, &want))
	require.Equal(t, want, got, "a format changed: every proof on a chain depends on it")

	for _, v := range want.Rejected {
		raw, err := hex.DecodeString(v.Proof)
		require.NoError(t, err)
		require.ErrorIs(t, proof.Verify(sampleWindow(10), v.Commitment, v.Beacon, v.K, raw), faults[v.Fault])
	}
	for _, v := range want.Proofs { // and every kernel accepts the whole proofs
		raw, err := hex.DecodeString(v.Proof)
		require.NoError(t, err)
		for _, k := range kernel.All() {
			require.NoError(t, proof.VerifyWith(k, sampleWindow(v.Commitment.LogN), v.Commitment, v.Beacon, v.K, raw), k.Name())
		}
	}
}
