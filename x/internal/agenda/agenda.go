// Package agenda is the queue of what happens by itself in a module: deadlines,
// in the order of the network's clock. One queue rather than several, because a
// block that has nothing to do should cost one look.
package agenda

import (
	"context"

	"cosmossdk.io/collections"
)

// Entry is (time by the network's clock, kind, reference).
type Entry = collections.Triple[int64, string, []byte]

// Queue is a module's agenda.
type Queue = collections.KeySet[Entry]

// RetrySeconds is how long an entry that failed waits for another try.
const RetrySeconds = 3600

// New declares a module's agenda in its schema.
func New(sb *collections.SchemaBuilder, prefix collections.Prefix) Queue {
	return collections.NewKeySet(sb, prefix, "agenda", collections.TripleKeyCodec(collections.Int64Key, collections.StringKey, collections.BytesKey))
}

// Due collects the entries that are due at a time, the oldest first, at most limit.
func Due(ctx context.Context, queue Queue, now int64, limit int) ([]Entry, error) {
	until := new(collections.Range[Entry]).EndExclusive(collections.Join3(now+1, "", []byte{}))
	iter, err := queue.Iterate(ctx, until)
	if err != nil {
		return nil, err
	}
	defer iter.Close()
	var out []Entry
	for ; iter.Valid() && len(out) < limit; iter.Next() {
		entry, err := iter.Key()
		if err != nil {
			return nil, err
		}
		out = append(out, entry)
	}
	return out, nil
}
