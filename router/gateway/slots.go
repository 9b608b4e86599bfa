package gateway

import (
	"sync"
	"time"

	"github.com/edgematrix/emc/router/apikey"
)

// slots bound the calls that run, of all customers, of each session and of each key.
type slots struct {
	all, session, each int

	mu               sync.Mutex
	total            int
	byKey, bySession map[string]int
}

func newSlots(c Config) *slots {
	return &slots{all: c.MaxCalls, session: c.MaxCallsPerSession, each: c.MaxCallsPerKey, byKey: map[string]int{}, bySession: map[string]int{}}
}

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
	case s.bySession[k.Session] >= s.session:
		return nil, tooMany("This session has as many calls running as it may. Wait for one to end.", "session_concurrency", time.Second)
	case s.total >= s.all:
		return nil, busy("The router has as many calls running as it may. Please try again.", "concurrency")
	}
	s.total++
	s.byKey[k.ID]++
	s.bySession[k.Session]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.total--
		fewer(s.byKey, k.ID)
		fewer(s.bySession, k.Session)
	}, nil
}

func fewer(of map[string]int, name string) {
	if of[name]--; of[name] == 0 {
		delete(of, name)
	}
}
