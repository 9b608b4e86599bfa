package spool

import (
	"errors"
	"fmt"
	"strings"
	"syscall"

	bolt "go.etcd.io/bbolt"
)

// update runs one durable transaction. Errors of fn that are ours come back as they are; those of the file are explained.
func (s *Spool) update(fn func(tx *bolt.Tx) error) error {
	var inner error
	err := s.db.Update(func(tx *bolt.Tx) error {
		inner = fn(tx)
		return inner
	})
	if err == nil {
		return nil
	}
	if inner != nil && !isSpace(inner) {
		return inner
	}
	return s.writeError(err)
}

func (s *Spool) writeError(err error) error {
	if isSpace(err) {
		return fmt.Errorf("%w: the spool at %s could not be written: %w; free space and the worker goes on", ErrWrite, s.path, err)
	}
	return fmt.Errorf("%w: the spool at %s could not be written: %w; see that its directory can be written, and the worker goes on", ErrWrite, s.path, err)
}

// isSpace says whether free space would mend the error. bbolt reports a failed resize as text, without the error.
func isSpace(err error) bool {
	if err == nil {
		return false
	}
	for _, no := range []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG} {
		if errors.Is(err, no) || strings.HasSuffix(err.Error(), ": "+no.Error()) {
			return true
		}
	}
	return false
}
