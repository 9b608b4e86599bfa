package mempool

import (
	"math"
	"math/bits"
)

const (
	// bps is the whole in hundredths of a percent.
	bps = 10_000
	// misses is how many ordinary transactions may not fit before the search ends.
	misses = 64
)

// Block is a proposal in the making.
type Block struct {
	size, gas room
	txs       [][]byte
	taken     map[string]struct{}
}

// room is a limit and what is used of it.
type room struct{ limit, used uint64 }

func (r room) fits(n uint64) bool { return n <= r.limit-min(r.used, r.limit) }

// NewBlock begins a proposal of at most so many bytes and so much gas; gas of
// zero or less is no limit, as in the consensus parameters.
func NewBlock(maxBytes, maxGas int64) *Block {
	b := &Block{size: room{limit: uint64(max(0, maxBytes))}, gas: room{limit: math.MaxUint64}, taken: map[string]struct{}{}}
	if maxGas > 0 {
		b.gas.limit = uint64(maxGas)
	}
	return b
}

// Txs are what the proposal holds.
func (b *Block) Txs() [][]byte { return b.txs }

// wireSize is what a transaction takes in a block: its tag, its length, itself.
func wireSize(raw []byte) uint64 {
	n := uint64(len(raw))
	return 1 + uint64(max(1, (bits.Len64(n)+6)/7)) + n
}

func (b *Block) fits(raw []byte, gas uint64) bool {
	return b.size.fits(wireSize(raw)) && b.gas.fits(gas)
}

func (b *Block) take(raw []byte, gas uint64) {
	b.size.used += wireSize(raw)
	b.gas.used += gas
	b.txs = append(b.txs, raw)
}

// Ahead takes urgent transactions up to a share of the block, given in hundredths
// of a percent. Those of the first queue come before those of the second; within
// one, each sender's first comes before anybody's next, so that none takes the
// others' place by sending more. Next tells a sender's sequence in the state: a
// transaction that would fail for its sequence stays where it is.
func (b *Block) Ahead(share uint32, next func(signer string) (uint64, bool), queues ...[]Candidate) {
	whole := *b
	b.size.limit = part(b.size.limit, share)
	b.gas.limit = part(b.gas.limit, share)
	sequences := map[string]uint64{}
	for _, queue := range queues {
		b.turns(queue, sequences, next)
	}
	b.size.limit, b.gas.limit = whole.size.limit, whole.gas.limit
}

// turns goes through a queue, one of each sender at a time, until nothing more is taken.
func (b *Block) turns(queue []Candidate, sequences map[string]uint64, next func(string) (uint64, bool)) {
	for before := -1; before < len(b.txs); {
		before = len(b.txs)
		served := map[string]struct{}{}
		for _, c := range queue {
			if _, ok := served[c.Signer]; ok || !b.fits(c.Raw, c.Gas) {
				continue
			}
			due, ok := sequences[c.Signer]
			if !ok {
				if due, ok = next(c.Signer); !ok {
					due = math.MaxUint64 // no account: none of his is due
				}
				sequences[c.Signer] = due
			}
			if c.Sequence != due {
				continue
			}
			b.take(c.Raw, c.Gas)
			b.taken[string(c.Raw)] = struct{}{}
			sequences[c.Signer]++
			served[c.Signer] = struct{}{}
		}
	}
}

func part(whole uint64, share uint32) uint64 {
	hi, lo := bits.Mul64(whole, uint64(min(share, bps)))
	n, _ := bits.Div64(hi, lo, bps)
	return n
}

// Details of an ordinary transaction. Signers are asked for only where one does
// not fit.
type Details struct {
	// Gas is false for bytes that are no transaction.
	Gas     func(raw []byte) (uint64, bool)
	Signers func(raw []byte) []string
}

// Rest takes the other transactions in their order while they fit. One that
// does not is left out, and with it what its signers have sent after it: that
// would fail for its sequence, and be lost.
func (b *Block) Rest(txs [][]byte, d Details) {
	var passed map[string]struct{}
	missed := 0
	for _, raw := range txs {
		if _, ok := b.taken[string(raw)]; ok {
			continue
		}
		gas, ok := d.Gas(raw)
		if !ok {
			continue
		}
		fits := b.fits(raw, gas)
		if fits && passed == nil {
			b.take(raw, gas)
			continue
		}
		if !fits {
			if missed++; missed > misses {
				return
			}
		}
		signers := d.Signers(raw)
		for _, s := range signers {
			if _, ok := passed[s]; ok {
				fits = false
			}
		}
		if fits {
			b.take(raw, gas)
			continue
		}
		if passed == nil {
			passed = map[string]struct{}{}
		}
		for _, s := range signers {
			passed[s] = struct{}{}
		}
	}
}
