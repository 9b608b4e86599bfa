package soak

import (
	"encoding/json"
	"errors"
	"os"
	"sync"
)

// journal keeps what every schedule came to, a line each, for whoever asks why.
type journal struct {
	mu   sync.Mutex
	path string
}

func (j *journal) add(one Result) error {
	line, err := json.Marshal(one)
	if err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	f, err := os.OpenFile(j.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(append(line, '\n'))
	return errors.Join(err, f.Close())
}
