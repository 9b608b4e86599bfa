package ledger

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
)

// overlay is what was queued and is not in the base yet. A nil value is a deletion.
type overlay struct {
	values map[string][]byte
	bytes  int
}

func newOverlay() *overlay { return &overlay{values: make(map[string][]byte)} }

func (o *overlay) apply(op Op) {
	o.values[string(op.Key)] = op.Value
	o.bytes += len(op.Key) + len(op.Value)
}

func (o *overlay) get(key []byte) (value []byte, known bool) {
	if o == nil {
		return nil, false
	}
	value, known = o.values[string(key)]
	return value, known
}

// entry is a key with its value.
type entry struct {
	key   string
	value []byte
}

// below adds what it knows of the keys with a prefix to what a newer one knows.
func (o *overlay) below(prefix []byte, newer map[string][]byte) {
	if o == nil {
		return
	}
	for key, value := range o.values {
		if _, known := newer[key]; !known && strings.HasPrefix(key, string(prefix)) {
			newer[key] = value
		}
	}
}

func sorted(values map[string][]byte) []entry {
	out := make([]entry, 0, len(values))
	for key, value := range values {
		out = append(out, entry{key, value})
	}
	slices.SortFunc(out, func(a, b entry) int { return cmp.Compare(a.key, b.key) })
	return out
}

// merge visits the keys of both in their order: over says what a key of both is.
func merge(over []entry, base func(yield func(key, value []byte) error) error, fn func(key, value []byte) error) error {
	visit := func(e entry) error {
		if e.value == nil {
			return nil
		}
		return fn([]byte(e.key), bytes.Clone(e.value))
	}
	err := base(func(key, value []byte) error {
		for len(over) > 0 && over[0].key < string(key) {
			if err := visit(over[0]); err != nil {
				return err
			}
			over = over[1:]
		}
		if len(over) > 0 && over[0].key == string(key) {
			e := over[0]
			over = over[1:]
			return visit(e)
		}
		return fn(key, value)
	})
	for _, e := range over {
		if err == nil {
			err = visit(e)
		}
	}
	return err
}
