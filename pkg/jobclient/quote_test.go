package jobclient

import (
	"testing"

	"github.com/stretchr/testify/require"

	"cosmossdk.io/math"

	"github.com/edgematrix/emc/x/compute/types"
)

func TestRoomToMove(t *testing.T) {
	candidate := func(quote int64, failures ...string) types.Candidate {
		return types.Candidate{Quote: types.Uemc(math.NewInt(quote)), Failures: failures}
	}
	for _, test := range []struct {
		name       string
		candidates []types.Candidate
		want       int64
	}{
		{"one node", []types.Candidate{candidate(100)}, 100},
		{"the dearest of three attempts", []types.Candidate{candidate(300), candidate(100), candidate(150), candidate(200)}, 200},
		{"who does not fit does not count", []types.Candidate{candidate(100), candidate(200, "is full")}, 100},
		{"who asks for far more does not count", []types.Candidate{candidate(100), candidate(401), candidate(400)}, 400},
		{"no node", nil, 100},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := roomToMove(types.QueryMatchResponse{Quote: types.Uemc(math.NewInt(100)), Candidates: test.candidates}, 3)
			require.Equal(t, test.want, got.Amount.Int64())
		})
	}
}
