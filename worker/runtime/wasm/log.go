package wasm

import (
	"fmt"
	"io"
)

// logWriter is the program's stdout and stderr inside the child. Past the
// limit it throws bytes away without a system call, so that a flood costs the
// worker nothing; the one byte over tells the parent that there was more.
type logWriter struct {
	w    io.Writer
	left int64
}

// Write implements io.Writer and always claims to have written everything: a
// full log is no reason for a program to fail.
func (l *logWriter) Write(p []byte) (int, error) {
	if keep := min(int64(len(p)), l.left); keep > 0 {
		l.left -= keep
		if _, err := l.w.Write(p[:keep]); err != nil {
			l.left = 0
		}
	}
	return len(p), nil
}

// copyLog passes at most limit bytes from r to w, says in one line when it
// cuts, and reads on to the end of r. Its error is w's.
func copyLog(w io.Writer, r io.Reader, limit int64) error {
	buf := make([]byte, 32<<10)
	var failed error
	lineEnded, cut := true, false
	write := func(p []byte) {
		if failed == nil && len(p) > 0 {
			_, failed = w.Write(p)
			lineEnded = p[len(p)-1] == '\n'
		}
	}
	for {
		n, err := r.Read(buf)
		keep := min(int64(n), limit)
		write(buf[:keep])
		limit -= keep
		if int64(n) > keep && !cut {
			cut = true
			if !lineEnded {
				write([]byte{'\n'})
			}
			write(fmt.Appendf(nil, "[log cut here: its limit is reached; the program went on]\n"))
		}
		if err != nil {
			return failed
		}
	}
}
