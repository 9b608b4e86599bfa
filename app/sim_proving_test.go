package app_test

import (
	"github.com/stretchr/testify/require"

	sdk "github.com/cosmos/cosmos-sdk/types"

	computetypes "github.com/edgematrix/emc/x/compute/types"
	"github.com/edgematrix/emc/x/poc/simulation"
	poctypes "github.com/edgematrix/emc/x/poc/types"
)

// turns is how many operations of x/poc are tried in each block: those of windows
// that are not in their phase are skipped.
const turns = 14

// provingCounters are what the windows of a play came to.
type provingCounters struct {
	drawn, closed, void                 int
	right, wrong, silent, notDrawn      int
	slashed, powers, rewarded, claimed  int
	contributed, falseOnes, withoutOnes int
	keys                                int
	probers, epochs, probed             int
	unreachable, reachable, routersPaid int
}

// all names what has to happen in a play.
func (c provingCounters) all() map[string]int {
	return map[string]int{
		"a window closed": c.closed, "a window void": c.void, "a proof right": c.right, "a proof wrong": c.wrong, "a node silent": c.silent,
		"a node not drawn": c.notDrawn, "a wrong proof that cost stake": c.slashed, "market power written": c.powers, "a node rewarded": c.rewarded, "rewards claimed": c.claimed,
		"a contribution to the beacon": c.contributed, "a false contribution": c.falseOnes, "a block without a contribution": c.withoutOnes,
		"a beacon key registered": c.keys, "a prober named": c.probers, "an epoch of probes closed": c.epochs, "probes reported": c.probed,
		"a node unreachable": c.unreachable, "a node reachable again": c.reachable, "a router paid": c.routersPaid,
	}
}

// into runs until a window with commitments is in a phase at the end of a block, at
// most so many blocks, and reports whether one was.
func (p *play) into(phase poctypes.Phase, most, size int) bool {
	p.t.Helper()
	for range most {
		p.run(1, size)
		g, err := p.app.PocKeeper.ExportGenesis(p.context())
		require.NoError(p.t, err)
		if n := len(g.Windows); n > 0 && len(g.Commits) > 0 && g.Windows[n-1].Phase == phase {
			return true
		}
	}
	return false
}

// propose picks a bonded validator who proposes a block, and what he contributes to
// the beacon: mostly what he should, at times nothing, or what is false.
func (p *play) propose(height int64) (proposer, contribution []byte) {
	p.t.Helper()
	ctx := p.context()
	validators, err := p.app.StakingKeeper.GetBondedValidatorsByPower(ctx)
	require.NoError(p.t, err)
	v := validators[p.r.Intn(len(validators))]
	proposer, err = v.GetConsAddr()
	require.NoError(p.t, err)
	pubkey, err := p.app.PocKeeper.ProposerKey(ctx, proposer, height)
	require.NoError(p.t, err)
	for _, account := range p.accounts {
		if sdk.ValAddress(account.Address).String() != v.GetOperator() || pubkey == nil {
			continue
		}
		switch p.r.Intn(20) {
		case 0:
		case 1:
			contribution = simulation.Contribution(account, pubkey, simChain, height+1)
			require.Error(p.t, p.app.PocKeeper.CheckProposal(ctx, proposer, height, contribution), "the others refuse it")
			p.count.proving.falseOnes++
			return proposer, contribution
		default:
			contribution = simulation.Contribution(account, pubkey, simChain, height)
			require.NotNil(p.t, contribution, "a key that counts is one of the account's")
			require.NoError(p.t, p.app.PocKeeper.CheckProposal(ctx, proposer, height, contribution))
			p.count.proving.contributed++
			return proposer, contribution
		}
	}
	p.count.proving.withoutOnes++
	return proposer, nil
}

// requireVerdict holds the module to what a proof was made to be. A transaction
// with a wrong one succeeds, so that its result does not tell.
func (p *play) requireVerdict(ctx sdk.Context, op operation, msg sdk.Msg) {
	p.t.Helper()
	m, ok := msg.(*poctypes.MsgRevealProof)
	if !ok || (op.name != simulation.RevealRight && op.name != simulation.RevealWrong) {
		return
	}
	c, err := p.app.PocKeeper.Commits.Get(ctx, sdk.MustAccAddressFromBech32(m.Node))
	require.NoError(p.t, err)
	want := poctypes.OUTCOME_PROVED
	if op.name == simulation.RevealWrong {
		want = poctypes.OUTCOME_WRONG
	}
	require.Equal(p.t, want.String(), c.Outcome.String(), "block %d, the proof of %s", ctx.BlockHeight(), m.Node)
}

// watchProving counts what happened in windows. A node that could not be settled is
// an error of the module.
func (p *play) watchProving(event any) {
	p.t.Helper()
	c := &p.count.proving
	switch e := event.(type) {
	case *poctypes.EventWindowDrawn:
		c.drawn++
	case *poctypes.EventWindowClosed:
		c.closed++
		c.silent, c.notDrawn = c.silent+int(e.Silent), c.notDrawn+int(e.NotDrawn)
	case *poctypes.EventWindowVoid:
		c.void++
	case *poctypes.EventProofRevealed:
		c.right++
	case *poctypes.EventProofWrong:
		c.wrong++
		if e.Slashed != "0" {
			c.slashed++
		}
	case *poctypes.EventNodeSettled:
		if e.Power > 0 {
			c.powers++
		}
	case *poctypes.EventNodeRewarded:
		c.rewarded++
	case *poctypes.EventRewardsClaimed:
		c.claimed++
	case *poctypes.EventBeaconKeyRegistered:
		c.keys++
	case *poctypes.EventProberSet:
		c.probers++
	case *poctypes.EventProbeEpochClosed:
		c.epochs++
	case *poctypes.EventProbesReported:
		c.probed++
	case *computetypes.EventNodeUnreachable:
		c.unreachable++
	case *computetypes.EventNodeReachable:
		c.reachable++
	case *poctypes.EventRouterRewarded:
		c.routersPaid++
	case *poctypes.EventSettleError:
		p.t.Fatalf("%s could not be settled: %s", e.Node, e.Error)
	}
}
