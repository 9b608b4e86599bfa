package mesh

import "testing"

// What the network promises to machines behind NAT, one after the other on one site.
func TestMesh(t *testing.T) {
	s := newSite(t)
	t.Run("calls", func(t *testing.T) { callsAtHome(s.in(t)) })
	t.Run("job", func(t *testing.T) { jobAtHome(s.in(t)) })
	t.Run("punched", func(t *testing.T) { punched(s.in(t)) })
	t.Run("ways", func(t *testing.T) { fasterWay(s.in(t)) })
	t.Run("probes", func(t *testing.T) { probes(s.in(t)) })
	t.Run("cut", func(t *testing.T) { lineCut(s.in(t)) }) // the last one: a prober that is told to stop blames nobody
}
