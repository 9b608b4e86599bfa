package jobstore

import (
	"sort"
	"time"

	"github.com/edgematrix/emc/pkg/job"
	"github.com/edgematrix/emc/pkg/transfer"
)

// Job is what the store knows of a job.
type Job struct {
	ID      string
	Chain   ChainJob
	Phase   transfer.Phase
	Message string
	Runs    int // how often it was started
	// CreatedAt, EndedAt and AcceptedAt are zero as long as they have not come.
	CreatedAt, EndedAt, AcceptedAt time.Time
}

func (r record) job() Job {
	return Job{
		ID: r.ID, Chain: r.Chain, Phase: r.Phase, Message: r.Message, Runs: r.Runs,
		CreatedAt: at(r.CreatedAt), EndedAt: at(r.EndedAt), AcceptedAt: at(r.AcceptedAt),
	}
}

func at(unixSeconds int64) time.Time {
	if unixSeconds == 0 {
		return time.Time{}
	}
	return time.Unix(unixSeconds, 0)
}

// Jobs returns all jobs, oldest first.
func (s *Store) Jobs() []Job {
	var out []Job
	for _, e := range s.entries() {
		e.mu.Lock()
		if !e.gone {
			out = append(out, e.rec.job())
		}
		e.mu.Unlock()
	}
	sort.Slice(out, func(i, j int) bool {
		if !out[i].CreatedAt.Equal(out[j].CreatedAt) {
			return out[i].CreatedAt.Before(out[j].CreatedAt)
		}
		return out[i].ID < out[j].ID
	})
	return out
}

// Job returns one job; the error wraps ErrUnknownJob if there is none.
func (s *Store) Job(id string) (Job, error) {
	e, err := s.locked(id)
	if err != nil {
		return Job{}, err
	}
	defer e.mu.Unlock()
	return e.rec.job(), nil
}

// Spec returns the specification of a job, which an ended one may have no more; the error wraps ErrUnknownJob if there is none.
func (s *Store) Spec(id string) (job.Spec, error) {
	e, err := s.locked(id)
	if err != nil {
		return job.Spec{}, err
	}
	defer e.mu.Unlock()
	spec, err := e.specification()
	if err != nil {
		return job.Spec{}, err
	}
	if !e.rec.live() {
		e.spec = nil
	}
	return *spec, nil
}

// Usage is the space that the store has given away.
type Usage struct {
	ReservedBytes int64 // by jobs, as declared
	MaxBytes      int64
	AppBytes      int64
	Jobs          int
	LiveJobs      int
}

// Usage returns the space that the store has given away.
func (s *Store) Usage() Usage {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Usage{ReservedBytes: s.reserved, MaxBytes: s.cfg.MaxBytes, AppBytes: s.apps.used(), Jobs: len(s.jobs), LiveJobs: s.live}
}
