package session_test

import "github.com/edgematrix/emc/pkg/receipt"

// bookkeeper knows what really happened, which no party does.
type bookkeeper struct {
	delivered, forgiven, received map[receipt.Lane]uint64
	open                          map[receipt.Lane]map[uint64]uint64 // calls that did not end well: nonce → maximum price
}

func newBookkeeper() *bookkeeper {
	return &bookkeeper{map[receipt.Lane]uint64{}, map[receipt.Lane]uint64{}, map[receipt.Lane]uint64{}, map[receipt.Lane]map[uint64]uint64{}}
}

func (b *bookkeeper) deliver(l receipt.Lane, amount uint64) { b.delivered[l] += amount }
func (b *bookkeeper) forgive(l receipt.Lane, amount uint64) { b.forgiven[l] += amount }
func (b *bookkeeper) receive(l receipt.Lane, amount uint64) { b.received[l] += amount }

func (b *bookkeeper) begin(r receipt.Request) {
	if b.open[r.Lane] == nil {
		b.open[r.Lane] = map[uint64]uint64{}
	}
	b.open[r.Lane][r.Nonce] = r.MaxPrice
}

func (b *bookkeeper) clean(r receipt.Request) { delete(b.open[r.Lane], r.Nonce) }

// losses of the parties of a lane, given what was paid, and the most that a customer's call can cost him.
type losses struct {
	Node, Customer, Stake uint64
	Calls                 int // that did not end well
}

func (b *bookkeeper) losses(l receipt.Lane, paid uint64) (out losses) {
	worth := b.delivered[l] - b.forgiven[l]
	out.Node = worth - min(worth, paid)
	out.Customer = paid - min(paid, b.received[l])
	for _, price := range b.open[l] {
		out.Stake += price
		out.Calls++
	}
	return out
}
