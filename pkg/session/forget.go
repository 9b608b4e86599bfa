package session

import (
	"context"
	"errors"
	"slices"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session/ledger"
)

// A session that the chain has settled is forgotten in this order: a mark that stays for good, then its records in pieces.
// Whoever is killed in between finds the mark, and uses nothing of the session any more. Without it an empty ledger would
// use nonces and amounts again as soon as an endpoint that lags behind shows the session open.

// piece is how many records are dropped in one batch: others wait for the ledger while it is written.
const piece = 10_000

// errEnough ends an iteration.
var errEnough = errors.New("enough")

// settled refuses a session that the chain may still pay for. One that it does not know was forgotten there, too: numbers
// of sessions are never given out again.
func settled(ctx context.Context, chain Chain, id receipt.SessionID) error {
	info, err := chain.Session(ctx, id)
	switch {
	case errors.Is(err, ErrSession):
		return nil
	case err != nil:
		return err
	case info.Pays:
		return wrap(ErrNeeded, "session %s is not settled yet", id)
	}
	return nil
}

func markKey(kind string, id receipt.SessionID) []byte { return append([]byte(kind), id[:]...) }

// mark makes it durable that nothing of a session is used any more.
func mark(store ledger.Store, kind string, id receipt.SessionID) error {
	return ledgerError(store.Batch(ledger.Op{Key: markKey(kind, id), Value: []byte{1}}))
}

// unmarked refuses a session that has the mark.
func unmarked(store ledger.Store, kind string, id receipt.SessionID) error {
	value, err := store.Get(markKey(kind, id))
	if err != nil {
		return ledgerError(err)
	}
	if value != nil {
		return errForgotten(id)
	}
	return nil
}

func errForgotten(id receipt.SessionID) error {
	return wrap(ErrSession, "session %s was settled and forgotten; open another", id)
}

// drop deletes a session's records, one kind after the other, in pieces.
func drop(store ledger.Store, id receipt.SessionID, kinds ...string) error {
	for _, kind := range kinds {
		for more := true; more; {
			var ops []ledger.Op
			err := store.Iterate(append([]byte(kind), id[:]...), func(key, _ []byte) error {
				if len(ops) == piece {
					return errEnough
				}
				ops = append(ops, ledger.Op{Key: slices.Clone(key)})
				return nil
			})
			if more = errors.Is(err, errEnough); err != nil && !more {
				return ledgerError(err)
			}
			if len(ops) == 0 {
				break
			}
			if err := store.Batch(ops...); err != nil {
				return ledgerError(err)
			}
		}
	}
	return nil
}
