package wallets

import (
	"context"
	"crypto/rand"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/beacon"
	"github.com/edgematrix/emc/pkg/proof"
	"github.com/edgematrix/emc/pkg/proof/prover"
	"github.com/edgematrix/emc/test/e2e/rig"
	computetypes "github.com/edgematrix/emc/x/compute/types"
	"github.com/edgematrix/emc/x/poc/types"
)

// windowTime is how long a window and the gap before it may take on a busy machine.
const windowTime = 2 * time.Minute

// testProofs proves in one window and is paid for it, gives a wrong proof in the
// next, and comes out of jail.
func (s *site) testProofs(t *testing.T, mode string) {
	n := s.newNode(t, mode)
	right := s.commit(t, mode, n, 0)
	s.must(t, n.key, mode, &right)
	operator := n.operator.address.String()
	require.NoError(t, rig.Eventually(t.Context(), windowTime, "something was earned", func() (bool, error) {
		earned, err := s.net.Claimable(t.Context(), operator)
		return earned > 0, err
	}))
	s.must(t, n.operator, mode, &types.MsgClaimRewards{Operator: operator})
	s.testSockets(t, mode, n)

	wrong := s.commit(t, mode, n, right.Window)
	wrong.Proof[0] ^= 1
	s.must(t, n.key, mode, &wrong)
	require.NoError(t, rig.Eventually(t.Context(), patience, "the jail is over", func() (bool, error) {
		o := s.try(t, n.operator, mode, &computetypes.MsgUnjail{Operator: operator, Node: n.address()})
		require.True(t, o.Code == 0 || o.Code == computetypes.ErrStillJailed.ABCICode(), o.String())
		return o.Code == 0, nil
	}))
	s.leave(t, mode, n)
}

// commit commits a node to one round of work in the next window that opens after a
// height, and returns the right proof when it is due.
func (s *site) commit(t *testing.T, mode string, n node, after int64) types.MsgRevealProof {
	t.Helper()
	for {
		w, err := s.net.WaitWindow(t.Context(), 0, windowTime, func(w rig.Window) bool { return int64(w.Height) > after && w.Phase == rig.WindowOpen })
		require.NoError(t, err)
		// A simulation runs on the last block, and the one that opens the window takes no commitments.
		require.NoError(t, rig.Eventually(t.Context(), patience, "the next block", func() (bool, error) {
			height, err := s.net.Height(t.Context())
			return height > int64(w.Height), err
		}))
		window := types.Window{Height: int64(w.Height), Beacon: w.Beacon}
		task, err := window.TaskWindow(chainID, n.key.address, n.key.secret.PubKey().Bytes(), proof.MinLogN)
		require.NoError(t, err)
		work, err := prover.New(task, prover.Config{Rounds: 1, Threads: 1})
		require.NoError(t, err)
		work.Run(context.Background())
		c, _, err := work.Commit()
		require.NoError(t, err)
		o := s.try(t, n.key, mode, &types.MsgCommitProof{
			Node: n.address(), Window: int64(w.Height), Kind: proof.KindInt8, Log2N: uint32(c.LogN), Rounds: c.Rounds, Root: c.Root[:],
		})
		if o.Codespace == types.ModuleName && o.Code == types.ErrWindow.ABCICode() {
			after = int64(w.Height) // it closed meanwhile
			continue
		}
		require.Zero(t, o.Code, o.String())
		w, err = s.net.WaitWindow(t.Context(), int64(w.Height), windowTime, func(w rig.Window) bool {
			return w.Phase == rig.WindowReveal || w.Phase == rig.WindowClosed || w.Phase == rig.WindowVoid
		})
		require.NoError(t, err)
		if w.Phase != rig.WindowReveal {
			after = int64(w.Height) // nobody looked in time
			continue
		}
		drawn, err := s.net.Commit(t.Context(), n.address())
		require.NoError(t, err)
		openings, err := work.Open(t.Context(), c, [32]byte(w.Draw), drawn.Samples)
		require.NoError(t, err)
		return types.MsgRevealProof{Node: n.address(), Window: int64(w.Height), Proof: openings}
	}
}

// testBeaconKey replaces the validator's beacon key, and names his prober.
func (s *site) testBeaconKey(t *testing.T, mode string) {
	k, err := beacon.NewKey(rand.Reader)
	require.NoError(t, err)
	s.must(t, s.validator, mode, &types.MsgRegisterBeaconKey{
		Validator: s.validator.operator(), Pubkey: k.PubKey(), Proof: k.Prove(beacon.OwnerInput(chainID, s.validator.address)),
	})
	prober := sdk.AccAddress(k.PubKey()[:20]).String()
	s.must(t, s.validator, mode, &types.MsgSetProber{Validator: s.validator.operator(), Prober: prober})
}
