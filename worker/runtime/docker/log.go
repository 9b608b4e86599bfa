package docker

import (
	"errors"
	"io"

	"github.com/moby/moby/api/pkg/stdcopy"
)

// cutNotice is what a customer reads at the end of a log that was cut, the same
// as in the wasm runtime.
const cutNotice = "[log cut here: its limit is reached; the program went on]\n"

// errLogFull ends the reading of a log: nobody needs the rest, and the Engine
// throws away what nobody reads.
var errLogFull = errors.New("the log is full")

// logWriter passes on what fits, and says in one line when it cuts.
type logWriter struct {
	w       io.Writer
	left    int64
	midLine bool
	cut     bool
	failed  error
}

func (l *logWriter) Write(p []byte) (int, error) {
	if l.cut {
		return 0, errLogFull
	}
	keep := min(int64(len(p)), l.left)
	l.pass(p[:keep])
	l.left -= keep
	if keep < int64(len(p)) {
		l.notice(cutNotice)
		l.cut = true
		return int(keep), errLogFull
	}
	return len(p), nil
}

// notice writes a line of the runtime's own.
func (l *logWriter) notice(line string) {
	if l.cut {
		return
	}
	if l.midLine {
		line = "\n" + line
	}
	l.pass([]byte(line))
}

// pass remembers the first error and claims success: a log that cannot be
// written is no reason for a program to fail.
func (l *logWriter) pass(p []byte) {
	if l.failed == nil && len(p) > 0 {
		_, l.failed = l.w.Write(p)
		l.midLine = p[len(p)-1] != '\n'
	}
}

// copyFrom reads an attached container's two streams to their end, or until the
// log is full.
func (l *logWriter) copyFrom(r io.Reader) {
	if l.cut {
		return
	}
	// An error of the stream means that the container, or the Engine, ended; which
	// of them is asked elsewhere.
	_, _ = stdcopy.StdCopy(l, l, r)
}
