package jobstore

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/edgematrix/emc/pkg/transfer"
)

// Accepted notes that the customer has accepted the result: its outputs are wiped after Config.RetainAccepted.
func (s *Store) Accepted(id string) error {
	e, err := s.locked(id)
	if err != nil {
		return err
	}
	defer e.mu.Unlock()
	switch e.rec.Phase {
	case transfer.PhaseFinished:
	case transfer.PhaseWiped:
		return nil
	default:
		return fmt.Errorf("job %s: %w: it cannot be accepted in %q", id, ErrPhase, e.rec.Phase)
	}
	if e.rec.AcceptedAt != 0 {
		return nil
	}
	rec := e.rec
	rec.AcceptedAt = s.cfg.Now().Unix()
	return s.update(e, rec)
}

// Discard ends a job without a result, for the reason that the customer is told, and wipes its inputs and outputs. The
// log stays readable. A running job must have been stopped before. A job that has ended is left as it is.
func (s *Store) Discard(id, reason string) error {
	e, err := s.locked(id)
	if err != nil {
		return err
	}
	defer e.mu.Unlock()
	if !e.rec.live() {
		return nil
	}
	rec := e.rec
	rec.Phase, rec.Message, rec.EndedAt = transfer.PhaseClosed, cleanMessage(reason), s.cfg.Now().Unix()
	rec.Reserved = sizeOf(e.path("log")) + endedBytes
	if err := s.update(e, rec); err != nil {
		return err
	}
	for _, w := range e.writers {
		w.supersede()
	}
	err = e.closeLog()
	e.log.end()
	e.spec = nil
	s.tellEnded()
	return errors.Join(err, e.tidy())
}

// Swept counts what Sweep did.
type Swept struct {
	Wiped   int // jobs whose outputs were wiped
	Removed int // jobs that were removed altogether
}

// Sweep wipes outputs and removes jobs whose retention is over. The daemon calls it from time to time.
func (s *Store) Sweep() (Swept, error) {
	var done Swept
	var problems []error
	for _, e := range s.entries() {
		wiped, removed, err := s.sweep(e)
		if wiped {
			done.Wiped++
		}
		if removed {
			done.Removed++
		}
		if err != nil {
			problems = append(problems, err)
		}
	}
	return done, errors.Join(problems...)
}

func (s *Store) sweep(e *entry) (wiped, removed bool, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.gone || e.rec.live() {
		return false, false, nil
	}
	e.outputs = nil
	now, ended := s.cfg.Now(), time.Unix(e.rec.EndedAt, 0)
	if e.rec.Phase == transfer.PhaseFinished {
		accepted := e.rec.AcceptedAt != 0 && !now.Before(time.Unix(e.rec.AcceptedAt, 0).Add(s.cfg.RetainAccepted))
		expired := !now.Before(ended.Add(s.cfg.RetainOutputs))
		if accepted || expired {
			if err := s.wipe(e, accepted); err != nil {
				return false, false, err
			}
			wiped = true
		}
	}
	if e.rec.Phase != transfer.PhaseFinished && !now.Before(ended.Add(s.cfg.RetainLogs)) {
		if err := s.remove(e); err != nil {
			return wiped, false, err
		}
		removed = true
	}
	return wiped, removed, nil
}

// wipe removes the outputs. e.mu is held.
func (s *Store) wipe(e *entry, accepted bool) error {
	rec := e.rec
	rec.Phase, rec.Message = transfer.PhaseWiped, "their retention is over"
	if accepted {
		rec.Message = "you accepted them"
	}
	rec.Reserved = sizeOf(e.path("log")) + sizeOf(e.path("log.age")) + sizeOf(e.path("result.json")) + endedBytes
	if err := s.update(e, rec); err != nil {
		return err
	}
	s.tellEnded() // the log may be left to encrypt
	return e.tidy()
}

// remove forgets a job. e.mu is held. The rename takes the whole job away in one step.
func (s *Store) remove(e *entry) error {
	trash := filepath.Join(filepath.Dir(e.dir), ".trash-"+e.rec.ID)
	if err := os.Rename(e.dir, trash); err != nil {
		return err
	}
	e.gone = true
	s.mu.Lock()
	delete(s.jobs, e.rec.ID)
	s.reserved -= e.rec.Reserved
	s.mu.Unlock()
	return os.RemoveAll(trash)
}
