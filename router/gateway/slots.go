package gateway

import (
	"sync"
	"time"

	"github.com/edgematrix/emc/router/apikey"
)

// slots bound the calls that run, of all customers and of each key.
type slots struct {
	all, each int

	mu    sync.Mutex
	total int
	byKey map[string]int
}

func newSlots(all, each int) *slots { return &slots{all: all, each: each, byKey: map[string]int{}} }

// take returns how to give the slot back.
func (s *slots) take(k apikey.Key) (release func(), err error) {
	most := s.each
	if k.MaxConcurrent > 0 {
		most = int(min(k.MaxConcurrent, 1<<30))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.byKey[k.ID] >= most:
		return nil, tooMany("This API key has as many calls running as it may. Wait for one to end.", "key_concurrency", time.Second)
	case s.total >= s.all:
		return nil, busy("The router has as many calls running as it may. Please try again.", "concurrency")
	}
	s.total++
	s.byKey[k.ID]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.total--
		if s.byKey[k.ID]--; s.byKey[k.ID] == 0 {
			delete(s.byKey, k.ID)
		}
	}, nil
}
