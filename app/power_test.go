package app_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/stretchr/testify/require"

	"cosmossdk.io/math"

	"github.com/cosmos/cosmos-sdk/server"
	serverconfig "github.com/cosmos/cosmos-sdk/server/config"
	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/tx/signing"

	"github.com/edgematrix/emc/app/apptest"
	"github.com/edgematrix/emc/pkg/beacon"
	"github.com/edgematrix/emc/pkg/proof"
	"github.com/edgematrix/emc/pkg/proof/prover"
	computetypes "github.com/edgematrix/emc/x/compute/types"
	poctypes "github.com/edgematrix/emc/x/poc/types"
)

// proving is a chain with quick windows, whose validator contributes, and whose
// accounts 2 and up are nodes of account 1, with stake.
type proving struct {
	*apptest.Chain
	t       *testing.T
	nodes   []*apptest.Account
	genesis math.Int
	hashes  []string
}

const provingStake = 20_000_000

func newProving(t *testing.T, nodes int, options map[string]any) *proving {
	t.Helper()
	key := vrf(t, 1)
	if options == nil {
		options = map[string]any{}
	}
	home := t.TempDir()
	require.NoError(t, key.Save(filepath.Join(home, beacon.KeyFile)))
	options["home"] = home
	c := apptest.New(t, apptest.Options{Accounts: 2 + nodes, AppOptions: options, Genesis: func(state map[string]json.RawMessage) {
		g := poctypes.DefaultGenesis()
		p := &g.Params
		p.WindowGapBlocks, p.WindowMeanBlocks, p.WindowBlocks, p.RevealBlocks, p.PowerWindows = 10, 1, 3, 4, 4
		p.WindowMilliseconds, p.StakePerE, p.TargetPower = 3_000, poctypes.Uemc(math.NewInt(10_000_000)), poctypes.MicroE
		account := apptest.AccountKey(0)
		g.BeaconKeys = []poctypes.BeaconKey{{Validator: sdk.ValAddress(account.PubKey().Address()).String(), Pubkey: key.PubKey()}}
		state[poctypes.ModuleName] = mustJSON(t, g)
	}})
	p := &proving{Chain: c, t: t, nodes: c.Accounts[2:], genesis: c.BankKeeper.GetSupply(c.Context(), poctypes.Denom).Amount}
	market(t, c, c.Accounts[1], p.nodes)
	for _, node := range p.nodes {
		c.Deliver(c.Accounts[1], &computetypes.MsgStake{Operator: c.Accounts[1].Address.String(), Node: node.Address.String(), Amount: poctypes.Uemc(math.NewInt(provingStake))})
	}
	return p
}

// next makes a block as a validator proposes it, and counts all money after it.
func (p *proving) next(txs ...[]byte) *abci.ResponseFinalizeBlock {
	p.t.Helper()
	response := p.NextBlockBy(proposer, propose(p.t, p.Chain, 1<<21, txs...)...)
	p.hashes = append(p.hashes, fmt.Sprintf("%x", response.AppHash))
	ctx := p.Context()
	require.NoError(p.t, p.PocKeeper.CheckInvariants(ctx))
	require.NoError(p.t, p.ComputeKeeper.CheckInvariants(ctx))
	e, err := p.PocKeeper.Emission.Get(ctx)
	require.NoError(p.t, err)
	burned := math.ZeroInt()
	g, err := p.ComputeKeeper.ExportGenesis(ctx)
	require.NoError(p.t, err)
	for _, s := range g.Slashes {
		burned = burned.Add(s.Amount)
	}
	require.Equal(p.t, p.genesis.Add(e.Minted).Sub(burned).String(), p.BankKeeper.GetSupply(ctx, poctypes.Denom).Amount.String(), "supply = genesis + emission - burned")
	return response
}

func (p *proving) window() poctypes.Window {
	p.t.Helper()
	height, err := p.PocKeeper.Last.Get(p.Context())
	if err != nil {
		return poctypes.Window{}
	}
	w, err := p.PocKeeper.Windows.Get(p.Context(), height)
	require.NoError(p.t, err)
	return w
}

func (p *proving) until(phase poctypes.Phase) poctypes.Window {
	p.t.Helper()
	for range 60 {
		if w := p.window(); w.Phase == phase {
			return w
		}
		p.next()
	}
	p.t.Fatalf("no window in %s", phase)
	return poctypes.Window{}
}

// works does a round of a node's work and commits to it.
func (p *proving) works(w poctypes.Window, node *apptest.Account) (*prover.Prover, proof.Commitment, []byte) {
	p.t.Helper()
	task, err := w.TaskWindow(p.ChainID(), node.Address, node.Key.PubKey().Bytes(), proof.MinLogN)
	require.NoError(p.t, err)
	work, err := prover.New(task, prover.Config{Rounds: 2})
	require.NoError(p.t, err)
	work.Run(p.t.Context())
	c, _, err := work.Commit()
	require.NoError(p.t, err)
	return work, c, p.Sign(node, signing.SignMode_SIGN_MODE_DIRECT, 200_000, &poctypes.MsgCommitProof{
		Node: node.Address.String(), Window: w.Height, Kind: proof.KindInt8, Log2N: uint32(c.LogN), Rounds: c.Rounds, Root: c.Root[:],
	})
}

// cycle goes through one window; who is spoilt shows a wrong proof.
func (p *proving) cycle(spoilt int) poctypes.Window {
	p.t.Helper()
	w := p.until(poctypes.PHASE_OPEN)
	works, commitments, txs := make([]*prover.Prover, len(p.nodes)), make([]proof.Commitment, len(p.nodes)), [][]byte(nil)
	for i, node := range p.nodes {
		n, err := p.ComputeKeeper.Node(p.Context(), node.Address)
		require.NoError(p.t, err)
		if n.Jailed {
			continue
		}
		var tx []byte
		works[i], commitments[i], tx = p.works(w, node)
		txs = append(txs, tx)
	}
	p.succeed(p.next(txs...))
	w = p.until(poctypes.PHASE_REVEAL)
	txs = nil
	for i, node := range p.nodes {
		if works[i] == nil {
			continue
		}
		c, err := p.PocKeeper.Commits.Get(p.Context(), node.Address)
		require.NoError(p.t, err)
		openings, err := works[i].Open(p.t.Context(), commitments[i], [32]byte(w.Draw), w.SamplesOf(c))
		require.NoError(p.t, err)
		if i == spoilt {
			openings[len(openings)/2] ^= 1
		}
		txs = append(txs, p.Sign(node, signing.SignMode_SIGN_MODE_DIRECT, 2_000_000, &poctypes.MsgRevealProof{Node: node.Address.String(), Window: w.Height, Proof: openings}))
	}
	p.succeed(p.next(txs...))
	return p.until(poctypes.PHASE_CLOSED)
}

func (p *proving) succeed(response *abci.ResponseFinalizeBlock) {
	p.t.Helper()
	for _, r := range response.TxResults[1:] { // the first is the contribution
		require.Zero(p.t, r.Code, r.Log)
	}
}

// Power, emission, slash and claim with real modules, with both executors: the
// same hashes, and every uemc accounted for after each block.
func TestPower(t *testing.T) {
	hashes := map[string][]string{}
	for _, executor := range []string{serverconfig.BlockExecutorSequential, serverconfig.BlockExecutorBlockSTM} {
		p := newProving(t, 3, map[string]any{server.FlagBlockExecutor: executor, server.FlagBlockSTMWorkers: 4})
		for range 3 {
			w := p.cycle(-1)
			require.EqualValues(t, 3, w.Proved)
			require.True(t, w.Minted.IsPositive())
		}
		n, err := p.ComputeKeeper.Node(p.Context(), p.nodes[1].Address)
		require.NoError(t, err)
		require.Equal(t, proof.MicroE(proof.Commitment{LogN: proof.MinLogN, Rounds: 2}, 3*time.Second).Uint64(), n.Power)

		w := p.cycle(1)
		require.EqualValues(t, []uint64{2, 1}, []uint64{w.Proved, w.Wrong})
		n, err = p.ComputeKeeper.Node(p.Context(), p.nodes[1].Address)
		require.NoError(t, err)
		require.True(t, n.Jailed)
		require.Zero(t, n.Power)
		require.Equal(t, math.NewInt(provingStake*9/10), n.Stake)
		w = p.cycle(-1)
		require.EqualValues(t, 2, w.Commits, "the third one is in jail")

		operator := p.Accounts[1]
		reward, err := p.PocKeeper.Rewards.Get(p.Context(), operator.Address)
		require.NoError(t, err)
		before := p.BankKeeper.GetBalance(p.Context(), operator.Address, poctypes.Denom).Amount
		tx := p.Sign(operator, signing.SignMode_SIGN_MODE_DIRECT, 200_000, &poctypes.MsgClaimRewards{Operator: operator.Address.String()})
		p.succeed(p.next(tx))
		require.Equal(t, before.Add(reward.Claimable.Amount).SubRaw(2_001).String(), p.BankKeeper.GetBalance(p.Context(), operator.Address, poctypes.Denom).Amount.String(), "less the fee")
		hashes[executor] = p.hashes
	}
	require.Equal(t, hashes[serverconfig.BlockExecutorSequential], hashes[serverconfig.BlockExecutorBlockSTM])
}
