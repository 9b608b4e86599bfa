package ledger

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Open opens a ledger, or makes it, and reads all of it once. The file at path is the base; journals stand beside it, and
// belong to it: none of them is ever moved, copied or removed alone.
func Open(path string) (*File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrWrite, err)
	}
	if err := begin(path); err != nil {
		return nil, err
	}
	b, err := openBase(path)
	if err != nil {
		return nil, err
	}
	f, err := opened(b)
	if err != nil {
		return nil, errors.Join(err, b.db.Close())
	}
	return f, nil
}

// begin makes the first journal of a ledger that is not there, before its base: a base without a journal has lost it.
func begin(path string) error {
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		return nil // openBase tells what is wrong with it
	}
	journals, err := findJournals(path)
	if err != nil {
		return err
	}
	if len(journals) > 0 {
		return alone(path, journals)
	}
	j, err := createJournal(path, 1)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrWrite, err)
	}
	return j.file.Close()
}

// alone tells a ledger whose making was interrupted from one whose base was removed.
func alone(path string, journals []uint64) error {
	for _, g := range journals {
		r, err := readJournal(journalPath(path, g), g, func(Op) {})
		if err != nil {
			return corrupt(path, err)
		}
		if g != 1 || r.records > 0 {
			return corrupt(path, errors.New("the file is missing, and its journals are there"))
		}
	}
	return nil
}

// opened reads the journals, and begins a new one: nothing is ever written behind a write that was cut short.
func opened(b *base) (*File, error) {
	journals, err := findJournals(b.path)
	if err != nil {
		return nil, err
	}
	if b.fresh && len(journals) == 0 { // as it was written before there were journals
		j, err := createJournal(b.path, 1)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrWrite, err)
		}
		if err := j.file.Close(); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrWrite, err)
		}
		journals = []uint64{1}
	}
	said, last, err := b.replay(journals)
	if err != nil {
		return nil, corrupt(b.path, err)
	}
	next, err := createJournal(b.path, last+1)
	if err == nil {
		err = b.absorb(sorted(said.values), last)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w; free space, see that the file can be written, and start again", ErrWrite, b.path, err)
	}
	for _, g := range journals {
		if g <= last {
			_ = os.Remove(journalPath(b.path, g)) // it is not read again, whether it is there or not
		}
	}
	return newFile(b, next), nil
}

// replay reads the journals after the base's generation. Which ones can be there: the next one; and, where that has ended
// or was about to, one after it.
func (b *base) replay(journals []uint64) (said *overlay, last uint64, err error) {
	said = newOverlay()
	journals = slices.DeleteFunc(slices.Clone(journals), func(g uint64) bool { return g <= b.generation })
	first := b.generation + 1
	if len(journals) == 0 || journals[0] != first {
		return nil, 0, fmt.Errorf("its journal %s is missing", journalPath(b.path, first))
	}
	if len(journals) > 2 || journals[len(journals)-1] > first+1 {
		return nil, 0, fmt.Errorf("it has journals that do not follow each other: %v after %d", journals, b.generation)
	}
	r, err := readJournal(journalPath(b.path, first), first, said.apply)
	if err != nil {
		return nil, 0, err
	}
	if len(journals) == 1 {
		if r.ended {
			return nil, 0, fmt.Errorf("its journal %s is missing", journalPath(b.path, first+1))
		}
		return said, first, nil
	}
	second, err := readJournal(journalPath(b.path, first+1), first+1, said.apply)
	switch {
	case err != nil:
		return nil, 0, err
	case r.ended:
		return said, first + 1, nil
	case second.records > 0 || second.torn:
		return nil, 0, fmt.Errorf("%s was cut", journalPath(b.path, first))
	}
	return said, first, nil
}

// findJournals lists the generations of the journals beside a base.
func findJournals(path string) (out []uint64, err error) {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		text, ours := strings.CutPrefix(e.Name(), filepath.Base(path)+journalSuffix)
		if !ours {
			continue
		}
		g, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return nil, corrupt(path, fmt.Errorf("what is %s?", e.Name()))
		}
		out = append(out, g)
	}
	slices.Sort(out)
	return out, nil
}
