package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/test/e2e/rig"
)

// Variables of the soak run; see scripts/soak.sh.
const (
	envSoakJobs = "EMC_SOAK_JOBS"
	envSoakOut  = "EMC_SOAK_OUT"
	envSoakSeed = "EMC_SOAK_SEED"
)

// soaked is what a soak run came to.
type soaked struct {
	Seed     uint64         `json:"seed"`
	Jobs     int            `json:"jobs"`
	Kills    int            `json:"kills"`
	Ends     map[string]int `json:"ends"`
	PaidUemc int64          `json:"paid_uemc"`
	Seconds  float64        `json:"seconds"`
}

// Many jobs one after the other on a worker that is killed at random moments.
// Every job ends, and everybody's books are right to the last uemc.
func TestSoak(t *testing.T) {
	count, err := strconv.Atoi(os.Getenv(envSoakJobs))
	if err != nil {
		t.Skipf("a long run: %s says how many jobs; see scripts/soak.sh", envSoakJobs)
	}
	seed := uint64(time.Now().UnixNano())
	if given := os.Getenv(envSoakSeed); given != "" {
		seed, err = strconv.ParseUint(given, 10, 64)
		require.NoError(t, err)
	}
	t.Logf("%s=%d repeats the choices", envSoakSeed, seed)
	random := rand.New(rand.NewPCG(seed, 1))
	s := own(t)
	w := s.worker()
	sum := soaked{Seed: seed, Ends: map[string]int{}}
	begin := time.Now()
	for i := range count {
		s.online(w)
		o := s.order(w, "spin", strconv.Itoa(1+random.IntN(600)))
		o.Output = filepath.Join(t.TempDir(), fmt.Sprint("out", i))
		p, id := s.launched(o)
		for random.IntN(3) > 0 { // two of three jobs see a kill, two of three of those another one
			select {
			case <-time.After(time.Duration(random.IntN(5000)) * time.Millisecond):
			case <-p.Done():
			}
			w.Kill()
			sum.Kills++
			require.NoError(t, w.Start(s.ctx))
		}
		_ = s.ended(p)
		j, err := s.net.WaitClosed(s.ctx, id, 3*minute)
		require.NoError(t, err)
		s.check()
		sum.Jobs++
		sum.Ends[j.Word()]++
		sum.PaidUemc += int64(j.Paid.Amount)
		if j.Status == rig.Completed {
			require.NotNil(t, j.Receipt)
		}
		if i%10 == 9 {
			t.Logf("%d of %d jobs, %d kills, %v", i+1, count, sum.Kills, sum.Ends)
		}
	}
	s.settle()
	sum.Seconds = time.Since(begin).Seconds()
	out, err := json.Marshal(sum)
	require.NoError(t, err)
	t.Logf("%s", out)
	if path := os.Getenv(envSoakOut); path != "" {
		require.NoError(t, os.WriteFile(path, out, 0o644))
	}
}
