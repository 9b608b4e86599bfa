package mempool

import (
	"bytes"
	"fmt"
	"math"
	"testing"

	cmttypes "github.com/cometbft/cometbft/types"
	"github.com/stretchr/testify/require"
)

func TestWireSize(t *testing.T) {
	for _, n := range []int{0, 1, 127, 128, 16_383, 16_384, 1 << 20, 1 << 21} {
		raw := make([]byte, n)
		require.EqualValues(t, cmttypes.ComputeProtoSizeForTxs([]cmttypes.Tx{raw}), wireSize(raw), n)
	}
}

func candidate(signer string, sequence, gas uint64) Candidate {
	return Candidate{Raw: fmt.Appendf(nil, "%s%d", signer, sequence), Signer: signer, Sequence: sequence, Gas: gas}
}

func names(txs [][]byte) string { return string(bytes.Join(txs, []byte(" "))) }

// Everybody's sequence is 5, but x has no account.
func five(signer string) (uint64, bool) { return 5, signer != "x" }

func TestAhead(t *testing.T) {
	proofs := []Candidate{
		candidate("a", 5, 10), candidate("a", 6, 10), candidate("a", 7, 10), candidate("x", 0, 10),
		candidate("b", 6, 10), candidate("c", 5, 10), candidate("d", 4, 10), candidate("b", 5, 10),
	}
	work := []Candidate{candidate("e", 5, 10), candidate("a", 8, 10), candidate("a", 10, 10), candidate("d", 5, 60)}
	for name, row := range map[string]struct {
		gas   int64
		share uint32
		want  string
	}{
		"success - turns, and one's own order": {0, 10_000, "a5 c5 b5 a6 b6 a7 e5 a8 d5"},
		"success - half of the gas":            {100, 5_000, "a5 c5 b5 a6 b6"},
		"success - one and a half":             {30, 5_000, "a5"},
		"success - smaller ones after one":     {160, 5_000, "a5 c5 b5 a6 b6 a7 e5 a8"},
		"success - no share":                   {100, 0, ""},
		"success - never more than the whole":  {20, 60_000, "a5 c5"},
	} {
		b := NewBlock(1<<20, row.gas)
		b.Ahead(row.share, five, proofs, work)
		require.Equal(t, row.want, names(b.Txs()), name)
	}
	b := NewBlock(20, 0)
	b.Ahead(5_000, five, proofs, work)
	require.Equal(t, "a5 c5", names(b.Txs()), "four bytes each on the wire")
	b = NewBlock(-1, 0)
	b.Ahead(5_000, five, proofs, work)
	require.Empty(t, b.Txs())
	b = NewBlock(1<<20, 0)
	b.Ahead(9_999, five, []Candidate{candidate("a", 5, math.MaxUint64)})
	require.Empty(t, b.Txs())
}

// rest tells of a transaction that its first letter is its signer and its last
// digit its gas.
func rest(asked *int) Details {
	return Details{
		Gas: func(raw []byte) (uint64, bool) { return uint64(raw[len(raw)-1] - '0'), raw[0] != '!' },
		Signers: func(raw []byte) []string {
			*asked++
			return []string{string(raw[:1])}
		},
	}
}

func TestRest(t *testing.T) {
	txs := func(names ...string) (out [][]byte) {
		for _, n := range names {
			out = append(out, []byte(n))
		}
		return out
	}
	for name, row := range map[string]struct {
		txs   [][]byte
		want  string
		asked int
	}{
		"success - all, and nobody is asked":      {txs("a1", "b2", "c5"), "a1 b2 c5", 0},
		"success - what is none is left out":      {txs("a1", "!1", "c5"), "a1 c5", 0},
		"success - one that does not fit":         {txs("a5", "b6", "c1"), "a5 c1", 2},
		"success - nor what its signer sent then": {txs("a5", "b6", "b1", "c1", "b2", "a1"), "a5 c1 a1", 5},
	} {
		asked := 0
		b := NewBlock(1<<20, 9)
		b.Rest(row.txs, rest(&asked))
		require.Equal(t, row.want, names(b.Txs()), name)
		require.Equal(t, row.asked, asked, name)
	}
	asked := 0
	b := NewBlock(1<<20, 9)
	b.Ahead(10_000, five, []Candidate{{Raw: []byte("a1"), Gas: 3, Signer: "a", Sequence: 5}})
	b.Rest(txs("b1", "a1", "c5"), rest(&asked))
	require.Equal(t, "a1 b1 c5", names(b.Txs()), "what was taken ahead is not taken again")

	full := txs("a9")
	for range 10 * misses {
		full = append(full, []byte("b9"))
	}
	b = NewBlock(1<<20, 9)
	b.Rest(full, rest(&asked))
	require.Equal(t, misses, asked, "a full block is not searched to the end")
}
