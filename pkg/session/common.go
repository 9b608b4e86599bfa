package session

import (
	"fmt"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session/internal/bin"
	"github.com/edgematrix/emc/pkg/session/ledger"
)

// wrap puts words that say what to do behind a sentinel.
func wrap(sentinel error, format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{sentinel}, args...)...)
}

const laneBytes = 16 + 20 + 20

func putLane(w *bin.Writer, l receipt.Lane) { w.Raw(l.Session[:]).Raw(l.Router[:]).Raw(l.Node[:]) }

func getLane(r *bin.Reader) (l receipt.Lane) {
	l.Session = receipt.SessionID(r.Raw(16))
	l.Router = receipt.Address(r.Raw(20))
	l.Node = receipt.Address(r.Raw(20))
	return l
}

// laneKey is kind ‖ lane ‖ numbers: a lane's records stand together, in the order of the number.
func laneKey(kind string, l receipt.Lane, numbers ...uint64) []byte {
	w := bin.Writer{B: append(make([]byte, 0, len(kind)+laneBytes+8), kind...)}
	putLane(&w, l)
	for _, n := range numbers {
		w.U64(n)
	}
	return w.B
}

func laneOfKey(kind string, key []byte) (receipt.Lane, error) {
	r := bin.Reader{B: key[min(len(kind), len(key)):]}
	l := getLane(&r)
	return l, r.End()
}

// claim writes whose ledger this is, and refuses another's: a ledger that knows nothing of a lane would use nonces and
// amounts again.
func claim(store ledger.Store, role, chainID string, who []byte) error {
	if store == nil {
		return wrap(ErrConfig, "a %s needs a ledger", role)
	}
	key := []byte("owner/" + role)
	want := new(bin.Writer).Block([]byte(chainID)).Block(who).B
	have, err := store.Get(key)
	switch {
	case err != nil:
		return ledgerError(err)
	case have == nil:
		return ledgerError(store.Batch(ledger.Op{Key: key, Value: want}))
	case string(have) != string(want):
		return wrap(ErrLedger, "it belongs to another %s or chain: name the right file", role)
	}
	return nil
}

func ledgerError(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrLedger, err)
}

// numberAt reads the number at the end of a lane's key.
func numberAt(kind string, key []byte) uint64 {
	r := bin.Reader{B: key[min(len(kind)+laneBytes, len(key)):]}
	return r.U64()
}
