package jobstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// logSlack is room beyond the agreed size for the line with which a runtime says that it cut the log.
const logSlack = 2 << 10

// jobLog is the log of a job. One run writes, any number of readers follow.
type jobLog struct {
	path string

	mu   sync.Mutex
	size int64
	done bool
	// sealed: the plaintext is gone; size is still its size.
	sealed bool
	moved  chan struct{} // closed and replaced whenever size or done changes
}

func newJobLog(path string, done bool) *jobLog {
	return &jobLog{path: path, size: sizeOf(path), done: done, moved: make(chan struct{})}
}

func (l *jobLog) set(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
	close(l.moved)
	l.moved = make(chan struct{})
}

func (l *jobLog) state() (size int64, done bool, moved <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.size, l.done, l.moved
}

// begin empties the log for a new run. A follower who has read further waits until the new run comes that far.
func (l *jobLog) begin(limit int64) (*logWriter, error) {
	f, err := os.OpenFile(l.path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	l.set(func() { l.size, l.done = 0, false })
	return &logWriter{log: l, f: f, limit: limit}, nil
}

// end lets followers go when they have read everything.
func (l *jobLog) end() { l.set(func() { l.done = true }) }

// seal tells that the plaintext goes now.
func (l *jobLog) seal() { l.set(func() { l.sealed = true }) }

func (l *jobLog) isSealed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sealed
}

// logWriter appends to the log of one run, up to its limit in bytes.
type logWriter struct {
	log   *jobLog
	limit int64

	mu   sync.Mutex
	f    *os.File
	size int64
	cut  bool
	lost error // the first write that failed
}

var errLogClosed = errors.New("the log is closed")

// Write implements io.Writer. What does not fit is dropped after one line that says so, and a full disk loses log, not
// the job: both report success, because a program must not fail over its log. After close it fails.
func (w *logWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.f == nil {
		return 0, errLogClosed
	}
	if w.cut || w.lost != nil || len(p) == 0 {
		return len(p), nil
	}
	out := p
	if room := w.limit - w.size; int64(len(p)) > room {
		w.cut = true
		out = append(append([]byte(nil), p[:room]...), fmt.Sprintf("\n[the log is cut here: it is larger than %d bytes]\n", w.limit)...)
	}
	n, err := w.f.Write(out)
	if w.size += int64(n); n > 0 {
		w.log.set(func() { w.log.size = w.size })
	}
	w.lost = err
	return len(p), nil
}

// close makes the log last and returns the first error of the run's writes.
func (w *logWriter) close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.f == nil {
		return nil
	}
	err := errors.Join(w.lost, w.f.Sync(), w.f.Close())
	w.f = nil
	return err
}

// logReader implements transfer.LogReader.
type logReader struct {
	ctx      context.Context
	log      *jobLog
	off      int64
	follow   bool
	f        *os.File
	complete bool
}

// Read waits for more only if it follows.
func (r *logReader) Read(p []byte) (int, error) {
	for {
		size, done, moved := r.log.state()
		if r.off < size {
			return r.readAt(p[:min(int64(len(p)), size-r.off)])
		}
		if done || !r.follow {
			r.complete = done
			return 0, io.EOF
		}
		select {
		case <-moved:
		case <-r.ctx.Done():
			return 0, r.ctx.Err()
		}
	}
}

func (r *logReader) readAt(p []byte) (int, error) {
	if r.f == nil {
		f, err := os.OpenFile(r.log.path, os.O_RDONLY|unix.O_NOFOLLOW, 0)
		if err != nil {
			return 0, err
		}
		r.f = f
	}
	n, err := r.f.ReadAt(p, r.off)
	r.off += int64(n)
	if n > 0 {
		return n, nil
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF // a new run emptied it this moment: the client comes again
	}
	return 0, err
}

func (r *logReader) Complete() bool { return r.complete }

func (r *logReader) Close() error {
	if r.f == nil {
		return nil
	}
	return r.f.Close()
}
