package selection

import (
	"errors"
	"fmt"
	"time"
)

var (
	// ErrConfig means a setting that cannot be.
	ErrConfig = errors.New("wrong setting")
	// ErrNode means an announcement that cannot be.
	ErrNode = errors.New("wrong announcement")
	// ErrFull means that the table has as many nodes as it may have.
	ErrFull = errors.New("too many nodes")
	// ErrOld means an announcement before one that is known, or too old to be used.
	ErrOld = errors.New("old announcement")
	// ErrNoNode means that no node fits what a call wants; the words say what to change.
	ErrNoNode = errors.New("no node for this call")
)

// Overloaded means that nodes fit what a call wants, and all of them are busy, proving, or were left alone after failures.
type Overloaded struct {
	RetryAfter time.Duration // when the first of them may be free
	Words      string
}

func (o Overloaded) Error() string {
	return fmt.Sprintf("overloaded: %s: try again in %s", o.Words, o.RetryAfter.Round(time.Millisecond))
}

func wrap(sentinel error, format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{sentinel}, args...)...)
}
