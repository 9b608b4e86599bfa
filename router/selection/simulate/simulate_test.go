package simulate

import (
	"math"
	"testing"
	"time"

	"github.com/edgematrix/emc/router/selection"
)

func TestExplore(t *testing.T) {
	for name, change := range map[string]func(*Scenario){
		"exp":      func(*Scenario) {},
		"logn":     func(s *Scenario) { s.Lognormal = true },
		"routers4": func(s *Scenario) { s.Routers = 4 },
		"cap4": func(s *Scenario) {
			for i := range s.Nodes {
				s.Nodes[i].Capacity = 1 + i%4*2
			}
		},
		"fast": func(s *Scenario) {
			for i := range s.Nodes {
				s.Nodes[i].Service /= 10
			}
		},
		"slow": func(s *Scenario) {
			for i := range s.Nodes {
				s.Nodes[i].Service *= 25
			}
		},
		"load40": func(s *Scenario) { s.Load = 0.4 },
		"spread1.5": func(s *Scenario) {
			for i := range s.Nodes {
				s.Nodes[i].Service = time.Duration(20e6 * math.Pow(1.5, float64(i)/9))
			}
		},
	} {
		for seed := uint64(1); seed <= 2; seed++ {
			s := Published(seed)
			change(&s)
			p, err := Run(s, selection.P2C{})
			if err != nil {
				t.Fatal(err)
			}
			r, err := Run(s, selection.Random{})
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%s %d: ratio %.3f p2c %v/%v/%v random p99 %v  calls %v", name, seed, float64(p.P99)/float64(r.P99), p.P50, p.Mean, p.P99, r.P99, p.Calls)
		}
	}
}
