package outbox

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/chainclient"
	computetypes "github.com/edgematrix/emc/x/compute/types"
	poctypes "github.com/edgematrix/emc/x/poc/types"
)

const (
	commitURL = "/emc.poc.v1.MsgCommitProof "
	revealURL = "/emc.poc.v1.MsgRevealProof "
	reportURL = "/emc.compute.v1.MsgReportStatus "
)

func commitOf(rounds uint64) sdk.Msg { return &poctypes.MsgCommitProof{Window: 8, Rounds: rounds} }

func (f *fixture) window(phase poctypes.Phase) {
	f.chain.windows = map[int64]poctypes.Window{8: {Height: 8, Phase: phase, ClosesAt: 13, RevealUntil: 20}}
}

func TestProofsGoFirstAndAlone(t *testing.T) {
	f := setup(t, t.TempDir())
	f.window(poctypes.PHASE_OPEN)
	f.chain.addJob("a", f.node(), computetypes.JOB_STATUS_SCHEDULED)
	f.job(t, "a")
	for i := range 2 * looked { // more than is compared with the chain in one step
		f.put(t, "status/"+string(rune('A'+i)), &computetypes.MsgReportStatus{})
	}
	f.put(t, "commit/8/5", commitOf(5))
	f.step(t)
	flight, err := f.queue.InFlight()
	require.NoError(t, err)
	require.Equal(t, []string{"commit/8/5"}, flight.Keys)
	require.Equal(t, int64(13), flight.TimeoutHeight, "no block can take it after that")
	f.chain.block(t)
	f.step(t)
	require.Equal(t, []string{commitURL}, f.chain.effects)
	f.chain.block(t)
	require.Equal(t, []string{commitURL, ackA, startA, reportURL}, f.chain.effects[:4])
}

func TestNewerCommitmentReplacesOneThatNothingCarriesYet(t *testing.T) {
	f := setup(t, t.TempDir())
	f.window(poctypes.PHASE_OPEN)
	f.put(t, "commit/8/5", commitOf(5))
	f.put(t, "commit/8/9", commitOf(9))
	f.step(t)
	flight, err := f.queue.InFlight()
	require.NoError(t, err)
	require.Equal(t, []string{"commit/8/9"}, flight.Keys)
	require.Equal(t, []string{"commit/8/9"}, f.keys(t))
}

func TestProofsThatComeTooLateAreDropped(t *testing.T) {
	for name, row := range map[string]struct {
		phase  poctypes.Phase
		height int64
		msg    sdk.Msg
		sent   bool
	}{
		"commit in time":         {poctypes.PHASE_OPEN, 12, commitOf(1), true},
		"commit, window closes":  {poctypes.PHASE_OPEN, 13, commitOf(1), false},
		"commit, window drawn":   {poctypes.PHASE_REVEAL, 13, commitOf(1), false},
		"reveal in time":         {poctypes.PHASE_REVEAL, 19, &poctypes.MsgRevealProof{Window: 8}, true},
		"reveal, time over":      {poctypes.PHASE_REVEAL, 20, &poctypes.MsgRevealProof{Window: 8}, false},
		"reveal, window settled": {poctypes.PHASE_CLOSED, 19, &poctypes.MsgRevealProof{Window: 8}, false},
		"reveal, window void":    {poctypes.PHASE_VOID, 15, &poctypes.MsgRevealProof{Window: 8}, false},
	} {
		t.Run(name, func(t *testing.T) {
			f := setup(t, t.TempDir())
			f.window(row.phase)
			f.chain.height = row.height
			f.put(t, "proof", row.msg)
			f.step(t)
			if row.sent {
				require.Len(t, f.chain.mempool, 1)
				return
			}
			require.Empty(t, f.chain.mempool)
			require.Empty(t, f.keys(t))
		})
	}
}

// A commitment that no block took in time neither blocks the outbox nor is sent
// again.
func TestLateCommitmentMakesWay(t *testing.T) {
	f := setup(t, t.TempDir())
	f.window(poctypes.PHASE_OPEN)
	f.put(t, "commit/8/5", commitOf(5))
	f.chain.lost = true
	f.step(t)
	for range 4 {
		f.chain.block(t)
		f.step(t)
	}
	f.chain.lost = false
	f.window(poctypes.PHASE_REVEAL)
	f.put(t, "reveal/8", &poctypes.MsgRevealProof{Window: 8})
	f.step(t)
	f.chain.block(t)
	f.step(t)
	require.Equal(t, []string{revealURL}, f.chain.effects)
	require.Empty(t, f.keys(t))
}

func TestRefusedProofKeepsNobodyWaiting(t *testing.T) {
	f := setup(t, t.TempDir())
	f.window(poctypes.PHASE_OPEN)
	f.put(t, "commit/8/5", commitOf(5))
	f.put(t, "status/1", &computetypes.MsgReportStatus{})
	f.chain.down = nil
	f.box.cfg.Chain = refusing{f.chain}
	f.step(t)
	f.step(t)
	f.chain.block(t)
	require.Equal(t, []string{reportURL}, f.chain.effects)
}

func TestReportsWaitForMoreUrgentMessages(t *testing.T) {
	f := setup(t, t.TempDir())
	wait := true
	f.box.cfg.Later = func(msg sdk.Msg) bool {
		_, report := msg.(*computetypes.MsgReportStatus)
		return wait && report
	}
	f.chain.addJob("a", f.node(), computetypes.JOB_STATUS_SCHEDULED)
	f.put(t, "status/1", &computetypes.MsgReportStatus{})
	f.job(t, "a")
	f.step(t)
	f.chain.block(t)
	require.Equal(t, []string{ackA, startA}, f.chain.effects)
	f.step(t)
	require.Empty(t, f.chain.mempool)
	wait = false
	f.step(t)
	require.Len(t, f.chain.mempool, 1)
}

// refusing is a chain that takes no commitment.
type refusing struct{ *fakeChain }

func (c refusing) Simulate(ctx context.Context, d chainclient.Draft, s chainclient.Signer) (uint64, error) {
	for _, m := range d.Messages {
		if _, ok := m.(*poctypes.MsgCommitProof); ok {
			return 0, status.Error(codes.Unknown, "not the time for it")
		}
	}
	return c.fakeChain.Simulate(ctx, d, s)
}
