package proof_test

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"github.com/edgematrix/emc/pkg/proof"
)

// word is a 64-bit integer as 16 hex digits, the highest first.
type word uint64

func (w word) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%016x", uint64(w)), nil }

func (w *word) UnmarshalText(text []byte) error {
	b, err := hex.DecodeString(string(text))
	if err == nil && len(b) != 8 {
		err = fmt.Errorf("%q is not 16 hex digits", text)
	}
	if err != nil {
		return err
	}
	*w = word(binary.BigEndian.Uint64(b))
	return nil
}

func words(list []uint64) []word {
	out := make([]word, len(list))
	for i, v := range list {
		out[i] = word(v)
	}
	return out
}

type generatorVector struct {
	Key     word   `json:"key"`
	Words   []word `json:"words"`
	Entries []int8 `json:"entries"` // of all the words
}

type foldVector struct {
	X int32 `json:"x"`
	G word  `json:"g"`
}

type windowVector struct {
	ChainID string       `json:"chain_id"`
	Height  uint64       `json:"height"`
	Beacon  proof.Digest `json:"beacon"`
	Node    string       `json:"node"`
	PubKey  string       `json:"node_pubkey"`
	Kind    uint8        `json:"kind"`
	LogN    uint8        `json:"log2_n"`

	ChainHash proof.Digest `json:"chain_id_sha256"`
	Preimage  string       `json:"preimage"`
	Seed      proof.Digest `json:"seed"`
}

type tileVector struct {
	LogN      uint8        `json:"log2_n"`
	Window    proof.Digest `json:"window_seed"`
	Round     uint64       `json:"round"`
	RoundSeed proof.Digest `json:"round_seed"`
	Tile      uint64       `json:"tile"`
	Row       int          `json:"first_row"`
	Col       int          `json:"first_column"`
	Rows      []word       `json:"row_keys"`
	Cols      []word       `json:"column_keys"`
	RowHead   []int8       `json:"first_row_entries"` // the first 16
	ColHead   []int8       `json:"first_column_entries"`
	C         []int32      `json:"c"` // row by row
	Leaf      word         `json:"leaf"`
}

type roundVector struct {
	LogN      uint8            `json:"log2_n"`
	Window    proof.Digest     `json:"window_seed"`
	Round     uint64           `json:"round"`
	RoundSeed proof.Digest     `json:"round_seed"`
	Leaves    []word           `json:"first_chunk"`
	AllLeaves proof.Digest     `json:"leaves_sha256"` // of all leaves, little-endian, one after the other
	Levels    [][]proof.Digest `json:"levels"`        // chunk nodes first, the root last
	Root      proof.Digest     `json:"root"`
}

type openingVector struct {
	X         proof.Digest   `json:"x"`
	Sample    proof.Sample   `json:"sample"`
	Chunk     []word         `json:"chunk"`
	ChunkPath []proof.Digest `json:"chunk_path"`
	RoundPath []proof.Digest `json:"round_path"`
}

type proofVector struct {
	Window      windowVector     `json:"window"`
	RoundRoots  []proof.Digest   `json:"round_roots"`
	RoundLevels [][]proof.Digest `json:"round_levels"` // round leaves, padded, first; the root last
	Commitment  proof.Commitment `json:"commitment"`
	Beacon      proof.Digest     `json:"sample_beacon"`
	SampleSeed  proof.Digest     `json:"sample_seed"`
	K           int              `json:"k"`
	Openings    []openingVector  `json:"openings"`
	Proof       string           `json:"proof"`
}

// rejectedVector is a proof that is none; Fault is the step at which it fails.
type rejectedVector struct {
	Window     windowVector     `json:"window"`
	Commitment proof.Commitment `json:"commitment"`
	Beacon     proof.Digest     `json:"sample_beacon"`
	K          int              `json:"k"`
	Proof      string           `json:"proof"`
	Fault      string           `json:"fault"`
}

type powerVector struct {
	Commitment  proof.Commitment `json:"commitment"`
	Nanoseconds int64            `json:"nanoseconds"`
	MicroE      string           `json:"micro_e"`
}
