package keeper_test

import (
	"bytes"
	"context"
	"errors"

	"github.com/stretchr/testify/require"

	"cosmossdk.io/math"

	"github.com/cosmos/cosmos-sdk/crypto/keys/secp256k1"
	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/beacon"
	"github.com/edgematrix/emc/pkg/proof"
	"github.com/edgematrix/emc/pkg/proof/prover"
	computetypes "github.com/edgematrix/emc/x/compute/types"
	"github.com/edgematrix/emc/x/poc/types"
)

// miner is a node with its operator, and the work of the present window.
type miner struct {
	*fixture
	addr     sdk.AccAddress
	operator sdk.AccAddress
	pubkey   []byte
	work     *prover.Prover
	done     proof.Commitment
}

// logN of the tests' matrices: the smallest, since they are about the chain.
const logN = proof.MinLogN

// miner registers a node. Nodes of one operator share its number.
func (f *fixture) miner(seed, operator byte, stake int64) *miner {
	f.Helper()
	key := secp256k1.GenPrivKeyFromSecret([]byte{seed}).PubKey()
	m := &miner{fixture: f, addr: sdk.AccAddress(key.Address()), operator: bytes.Repeat([]byte{operator}, 20), pubkey: key.Bytes()}
	f.compute.byAddress[m.addr.String()] = &computetypes.Node{
		Address: m.addr.String(), Pubkey: m.pubkey, Operator: m.operator.String(), Role: computetypes.ROLE_COMPUTING, Stake: math.NewInt(stake),
	}
	return m
}

func (m *miner) node() *computetypes.Node { return m.compute.byAddress[m.addr.String()] }

// compute does rounds of the window's work and returns the message that commits to them.
func (m *miner) computes(w types.Window, rounds uint64) *types.MsgCommitProof {
	m.Helper()
	task, err := w.TaskWindow(chainID, m.addr, m.pubkey, logN)
	require.NoError(m, err)
	m.work, err = prover.New(task, prover.Config{Rounds: rounds})
	require.NoError(m, err)
	m.work.Run(context.Background())
	m.done, _, err = m.work.Commit()
	require.NoError(m, err)
	return &types.MsgCommitProof{Node: m.addr.String(), Window: w.Height, Kind: proof.KindInt8, Log2N: logN, Rounds: m.done.Rounds, Root: m.done.Root[:]}
}

// opens returns the message that reveals.
func (m *miner) opens(w types.Window) *types.MsgRevealProof {
	m.Helper()
	c, err := m.k.Commits.Get(m.ctx, m.addr)
	require.NoError(m, err)
	openings, err := m.work.Open(context.Background(), m.done, [32]byte(w.Draw), w.SamplesOf(c))
	require.NoError(m, err)
	return &types.MsgRevealProof{Node: m.addr.String(), Window: w.Height, Proof: openings}
}

func (m *miner) commits(msg *types.MsgCommitProof) error { return m.tx(m.k.Admit, msg) }

func (m *miner) reveals(msg *types.MsgRevealProof) error { return m.tx(m.k.Admit, msg) }

// tx asks whether a message may pass, and carries it out. What is refused at the
// door must be refused inside, and the other way round.
func (m *miner) tx(admit func(context.Context, sdk.Msg) error, msg sdk.Msg) error {
	m.Helper()
	atTheDoor := admit(m.ctx, msg)
	cached, write := m.ctx.CacheContext()
	var err error
	switch msg := msg.(type) {
	case *types.MsgCommitProof:
		_, err = m.msg.CommitProof(cached, msg)
	case *types.MsgRevealProof:
		_, err = m.msg.RevealProof(cached, msg)
	}
	if err == nil {
		write()
	}
	require.Equal(m, atTheDoor == nil, err == nil, "%v, %v", atTheDoor, err)
	return errors.Join(err, atTheDoor)
}

// next makes a block as the chain does: beacon, begin, transactions, end.
func (f *fixture) next(key *beacon.Key, txs ...func()) {
	f.Helper()
	f.block(0, key)
	require.NoError(f, f.k.BeginBlock(f.ctx))
	for _, tx := range txs {
		tx()
	}
	require.NoError(f, f.k.EndBlock(f.ctx))
	require.NoError(f, f.k.CheckInvariants(f.ctx))
}

// last is the newest window.
func (f *fixture) last() types.Window {
	f.Helper()
	w, err := f.query.Window(f.ctx, &types.QueryWindowRequest{})
	require.NoError(f, err)
	return w.Window
}

// until makes blocks until the newest window is in a phase.
func (f *fixture) until(key *beacon.Key, phase types.Phase) types.Window {
	f.Helper()
	for range 200 {
		if w, err := f.query.Window(f.ctx, &types.QueryWindowRequest{}); err == nil && w.Window.Phase == phase {
			return w.Window
		}
		f.next(key)
	}
	f.Fatalf("no window in %s", phase)
	return types.Window{}
}

// params changes the parameters.
func (f *fixture) params(change func(*types.Params)) {
	f.Helper()
	p, err := f.k.Params.Get(f.ctx)
	require.NoError(f, err)
	change(&p)
	_, err = f.msg.UpdateParams(f.ctx, &types.MsgUpdateParams{Authority: f.authority, Params: p})
	require.NoError(f, err)
}

// quick makes windows short and frequent.
func quick(p *types.Params) {
	p.WindowGapBlocks, p.WindowMeanBlocks, p.WindowBlocks, p.RevealBlocks = 10, 1, 3, 3
	p.WindowMilliseconds, p.DrawBlocks, p.PowerWindows = 3_000, 5, 4
	p.Samples, p.SuspectSamples = 2, 4
	p.StakePerE, p.TargetPower = types.Uemc(math.NewInt(1_000_000)), types.MicroE
}

// started is a fixture with one validator that contributes, and quick windows.
func started(f *fixture) *beacon.Key {
	f.Helper()
	key := f.key(1)
	f.register(key)
	f.params(quick)
	return &key
}

// proves lets miners prove so many windows; others stay away.
func (f *fixture) proves(key *beacon.Key, windows int, miners ...*miner) types.Window {
	f.Helper()
	var w types.Window
	for range windows {
		w = f.until(key, types.PHASE_OPEN)
		f.next(key, func() {
			for _, m := range miners {
				require.NoError(f, m.commits(m.computes(w, 2)))
			}
		})
		w = f.until(key, types.PHASE_REVEAL)
		f.next(key, func() {
			for _, m := range miners {
				c, err := m.k.Commits.Get(m.ctx, m.addr)
				require.NoError(f, err)
				if w.Drawn(c) {
					require.NoError(f, m.reveals(m.opens(w)))
				}
			}
		})
		w = f.until(key, types.PHASE_CLOSED)
	}
	return w
}
