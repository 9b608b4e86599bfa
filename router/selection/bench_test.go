package selection

import (
	"math/rand/v2"
	"testing"
	"time"
)

func BenchmarkPick(b *testing.B) {
	for name, w := range map[string]Wants{
		"any":     {App: "app", MaxPrice: 1 << 40, Units: 10},
		"country": {App: "app", MaxPrice: 1 << 40, Units: 10, Region: "DE"},
		"tenth":   {App: "app", MaxPrice: 10_000 + 20, Units: 10},
		"nobody":  {App: "app", MaxPrice: 1, Units: 10},
	} {
		b.Run(name, func(b *testing.B) {
			table, err := New(Config{Now: time.Now, Rand: rand.NewPCG(1, 1), Stale: time.Hour})
			if err != nil {
				b.Fatal(err)
			}
			for i := range 100_000 {
				n := node(i)
				n.Region, n.Loads[0].CallPrice = []string{"DE", "US", "FR"}[i%3], uint64(i)
				if err := table.Announce(n); err != nil {
					b.Fatal(err)
				}
			}
			for b.Loop() {
				if p, err := table.Pick(w); err == nil {
					p.Done(Outcome{FirstByte: time.Millisecond, Total: time.Millisecond})
				}
			}
		})
	}
}

func BenchmarkAnnounce(b *testing.B) {
	table, err := New(Config{Now: time.Now})
	if err != nil {
		b.Fatal(err)
	}
	for i := 0; b.Loop(); i++ {
		if err := table.Announce(node(i % 100_000)); err != nil {
			b.Fatal(err)
		}
	}
}
