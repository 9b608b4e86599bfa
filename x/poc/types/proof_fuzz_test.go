package types_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/proof"
	"github.com/edgematrix/emc/x/poc/types"
)

// FuzzProofMsgs: a commitment or a proof passes its check exactly if it is within
// every limit.
func FuzzProofMsgs(f *testing.F) {
	node := sdk.AccAddress(bytes.Repeat([]byte{1}, 20)).String()
	f.Add(node, int64(1), uint32(1), uint32(10), uint64(1), make([]byte, 32), []byte{1})
	f.Add(node, int64(1<<62), uint32(1), uint32(14), uint64(proof.MaxRounds), make([]byte, 32), make([]byte, types.MaxProofBytes))
	f.Add(node, int64(1), uint32(1), uint32(266), uint64(1), make([]byte, 32), make([]byte, types.MaxProofBytes+1)) // 266 is 10 as a byte
	f.Add(sdk.AccAddress(make([]byte, 32)).String(), int64(0), uint32(2), uint32(9), uint64(0), make([]byte, 31), []byte{})
	f.Add("", int64(-1), uint32(0), uint32(15), uint64(1)<<63, []byte{}, []byte{})
	f.Fuzz(func(t *testing.T, node string, window int64, kind, log2N uint32, rounds uint64, root, opened []byte) {
		addr, err := sdk.AccAddressFromBech32(node)
		sound := err == nil && len(addr) == 20 && window >= 1

		commit := types.MsgCommitProof{Node: node, Window: window, Kind: kind, Log2N: log2N, Rounds: rounds, Root: root}
		want := sound && kind == 1 && log2N >= 10 && log2N <= 14 && rounds >= 1 && rounds <= 1<<24 && len(root) == 32
		got, err := commit.Validate()
		if (err == nil) != want || (want && !got.Equals(addr)) {
			t.Fatalf("%v: %s, %v; expected valid: %t", commit, got, err, want)
		}
		reveal := types.MsgRevealProof{Node: node, Window: window, Proof: opened}
		want = sound && len(opened) >= 1 && len(opened) <= types.MaxProofBytes
		if got, err = reveal.Validate(); (err == nil) != want || (want && !got.Equals(addr)) {
			t.Fatalf("a proof of %d bytes in window %d: %s, %v; expected valid: %t", len(opened), window, got, err, want)
		}
	})
}

// scores is a node's whole history, which the model below looks at naively.
type scores map[uint64]types.Score

// quartile sorts a number for every window, 0 for those that were missed.
func (s scores) quartile(number uint64, windows uint32) uint64 {
	all := make([]uint64, windows)
	for i := range all {
		if at := number - uint64(i); at <= number { // not below 0
			all[i] = s[at].Power
		}
	}
	slices.Sort(all)
	return all[windows/4]
}

func (s scores) silences(number uint64, windows uint32) uint32 {
	var n uint32
	for i := range uint64(windows) {
		if at := number - i; at <= number && s[at].Outcome == types.OUTCOME_SILENT {
			n++
		}
	}
	return n
}

// changes goes on without the node until the quartile is another.
func (s scores) changes(number uint64, windows uint32) uint64 {
	now := s.quartile(number, windows)
	for later := number + 1; later <= number+uint64(windows); later++ {
		if s.quartile(later, windows) != now {
			return later
		}
	}
	return 0
}

// FuzzRecord: after any history a record, which forgets what is old, says the same
// as a model that remembers everything. Each byte of a history is a window: its
// low bits are the outcome, or that the node stayed away, its high bits the power.
func FuzzRecord(f *testing.F) {
	f.Add(byte(23), []byte(strings.Repeat("\x11", 24)))
	f.Add(byte(3), []byte("\x11\x21\x31\x41\x51\x03\x01\x03\x00\x00\x00\x00\x00\x91"))
	f.Add(byte(0), []byte{0x11, 0, 0x22, 3, 4})
	f.Add(byte(99), bytes.Repeat([]byte{0xf1, 0x12, 0x03, 0}, 60))
	f.Fuzz(func(t *testing.T, count byte, history []byte) {
		if len(history) > 300 {
			return
		}
		windows := 1 + uint32(count)%types.MaxPowerWindows
		r, model := types.NewRecord(sdk.AccAddress(bytes.Repeat([]byte{1}, 20)).String()), scores{}
		for i, b := range history {
			number := uint64(i) + 1
			if outcome := types.Outcome(b % 8); outcome >= types.OUTCOME_PROVED && outcome <= types.OUTCOME_WRONG {
				s := types.Score{Number: number, Outcome: outcome}
				if outcome <= types.OUTCOME_NOT_DRAWN {
					s.Power = uint64(b/8) * 1_000
				}
				model[number] = s
				r.Add(s, windows)
			}
			if err := r.Validate(); err != nil {
				t.Fatal(err)
			}
			if len(r.Scores) > int(windows) {
				t.Fatalf("%d scores are kept, %d windows count", len(r.Scores), windows)
			}
			for _, w := range []uint32{windows, (windows + 1) / 2, 1} { // governance may count fewer
				if got, want := r.Quartile(number, w), model.quartile(number, w); got != want {
					t.Fatalf("window %d of %d: quartile %d, expected %d", number, w, got, want)
				}
				if got, want := r.Changes(number, w), model.changes(number, w); got != want {
					t.Fatalf("window %d of %d: changes at %d, expected %d", number, w, got, want)
				}
				if got, want := r.Silences(number, w), model.silences(number, w); got != want {
					t.Fatalf("window %d of %d: %d silences, expected %d", number, w, got, want)
				}
			}
		}
	})
}
