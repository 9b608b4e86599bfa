package app_test

import "testing"

func TestTmpSeeds(t *testing.T) {
	for _, seed := range []int64{3, 4, 5, 6, 7} {
		p := newPlay(t, seed, nil)
		p.live(60, 300, 20)
		t.Logf("SEED %d height %d missing %v trading %+v", seed, p.app.LastBlockHeight(), p.missing(), p.count.trading)
	}
}
