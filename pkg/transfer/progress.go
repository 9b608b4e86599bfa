package transfer

import "sync"

// Progress is told how many bytes of how many are done. Calls come one after another, and done can go back when bytes
// have to be sent again.
type Progress func(done, total int64)

// tally adds up the progress of parallel transfers.
type tally struct {
	mu    sync.Mutex
	done  int64
	total int64
	tell  Progress
	moved func()
}

func (t *tally) add(n int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.done += n
	if t.moved != nil && n > 0 {
		t.moved()
	}
	if t.tell != nil {
		t.tell(t.done, t.total)
	}
}

// Write counts bytes that pass by.
func (t *tally) Write(p []byte) (int, error) {
	t.add(int64(len(p)))
	return len(p), nil
}
