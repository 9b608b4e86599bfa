package paths

import (
	"slices"
	"time"
)

// lost stands for an answer that did not come.
const lost = time.Hour

// samples are the last measurements of a way: one that is out of line changes nothing, two do.
type samples struct {
	last [3]time.Duration
	n    int
}

func (s *samples) add(d time.Duration) {
	s.last[s.n%len(s.last)] = max(d, 1)
	s.n++
}

// value is the median; zero: nothing was measured.
func (s *samples) value() time.Duration {
	have := slices.Clone(s.last[:min(s.n, len(s.last))])
	if len(have) == 0 {
		return 0
	}
	slices.Sort(have)
	return have[(len(have)-1)/2]
}

// better tells whether a way is worth leaving another for: by a fifth and a millisecond, so that two that are alike do not take turns.
func better(way, than time.Duration) bool {
	return way < than-than/5-time.Millisecond
}
