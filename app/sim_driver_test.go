package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand"
	"testing"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	dbm "github.com/cosmos/cosmos-db"
	"github.com/stretchr/testify/require"

	"cosmossdk.io/collections"
	"cosmossdk.io/core/header"
	"cosmossdk.io/log/v2"

	"github.com/cosmos/cosmos-sdk/baseapp"
	cryptotypes "github.com/cosmos/cosmos-sdk/crypto/types"
	simtestutil "github.com/cosmos/cosmos-sdk/testutil/sims"
	"github.com/cosmos/cosmos-sdk/testutil/simsx"
	sdk "github.com/cosmos/cosmos-sdk/types"
	simtypes "github.com/cosmos/cosmos-sdk/types/simulation"
	govtypes "github.com/cosmos/cosmos-sdk/x/gov/types"
	govv1 "github.com/cosmos/cosmos-sdk/x/gov/types/v1"

	"github.com/edgematrix/emc/app"
	"github.com/edgematrix/emc/app/ante"
	computetypes "github.com/edgematrix/emc/x/compute/types"
)

// The SDK's simulator delivers transactions after the end of their block, one
// by one, and lets two hours pass between blocks: no executor ever sees them,
// and for the network's clock every block is a standstill. The play below takes
// the same messages from the same factories and puts them into real blocks, a
// few seconds apart.

const (
	simChain    = "emc-sim-1"
	simAccounts = 60
	simGas      = 10_000_000
)

// simStart is when every play begins.
func simStart() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }

// later is an operation that another has ordered for some later time.
type later struct {
	at      time.Time
	factory simsx.SimMsgFactoryX
}

// play is an application and everybody who uses it.
type play struct {
	t        testing.TB
	app      *app.App
	ante     sdk.AnteHandler
	genesis  *abci.RequestInitChain
	accounts []simtypes.Account
	ops      *operations
	proving  *operations
	r        *rand.Rand
	time     time.Time
	later    []later
	ledger   ledger
	plugged  map[string]bool // sessions that a socket pays for

	// CheckTx sends each transaction through CheckTx first, as a node's mempool does.
	checkTx bool
	// onBlock sees each block when it is committed.
	onBlock func(*abci.RequestFinalizeBlock, *abci.ResponseFinalizeBlock)

	hashes []string
	count  counters
}

// counters are what a play came to.
type counters struct {
	sent, refused, skipped      int
	closed                      map[computetypes.JobStatus]int
	passedOn, standstills       int
	retired, unbonded, unjailed int
	paramChanges                int
	proving                     provingCounters
	trading                     tradingCounters
	sockets                     socketCounters
	tried                       map[string]int // transactions of each operation
}

// simulatedApp is an application on a database.
func simulatedApp(t testing.TB, db dbm.DB, options map[string]any) *app.App {
	t.Helper()
	all := simtestutil.AppOptionsMap{"home": t.TempDir()}
	for key, value := range options {
		all[key] = value
	}
	return app.New(log.NewNopLogger(), db, true, all, baseapp.SetChainID(simChain))
}

// newPlay begins with a random genesis.
func newPlay(t testing.TB, seed int64, options map[string]any) *play {
	t.Helper()
	a := simulatedApp(t, dbm.NewMemDB(), options)
	r := rand.New(rand.NewSource(seed))
	quickVotes := func(state map[string]json.RawMessage) {
		var gov govv1.GenesisState
		a.AppCodec().MustUnmarshalJSON(state[govtypes.ModuleName], &gov)
		voting, expedited := 90*time.Second, 45*time.Second
		gov.Params.VotingPeriod, gov.Params.ExpeditedVotingPeriod = &voting, &expedited
		state[govtypes.ModuleName] = a.AppCodec().MustMarshalJSON(&gov)
	}
	state, accounts, _, _ := simtestutil.AppStateFnWithExtendedCb(a.AppCodec(), a.SimulationManager(), a.DefaultGenesis(), quickVotes)(
		r, simtypes.RandomAccounts(r, simAccounts), simtypes.Config{GenesisTime: simStart().Unix(), ChainID: simChain})
	consensus := app.DefaultConsensusParams().ToProto()
	consensus.Block.MaxGas = -1
	p := &play{t: t, app: a, accounts: accounts, r: r, time: simStart(), plugged: map[string]bool{},
		count: counters{closed: map[computetypes.JobStatus]int{}, tried: map[string]int{}}}
	p.begin(&abci.RequestInitChain{ChainId: simChain, Time: simStart(), InitialHeight: 1, ConsensusParams: &consensus, AppStateBytes: state})
	return p
}

func (p *play) begin(genesis *abci.RequestInitChain) {
	p.t.Helper()
	handler, err := ante.New(p.app.AnteOptions())
	require.NoError(p.t, err)
	p.ante, p.genesis = handler, genesis
	p.ops, p.proving = operationsOf(p.app)
	_, err = p.app.InitChain(genesis)
	require.NoError(p.t, err)
	_, err = p.app.FinalizeBlock(&abci.RequestFinalizeBlock{Height: genesis.InitialHeight, Time: p.time})
	require.NoError(p.t, err)
	_, err = p.app.Commit()
	require.NoError(p.t, err)
	p.ledger = p.opened()
}

// run makes blocks with up to twice size operations each.
func (p *play) run(blocks, size int) {
	p.t.Helper()
	for range blocks {
		p.block(p.pause(), p.r.Intn(2*size+1))
	}
}

// live runs until everything has happened that requireLife asks for, at least
// so many blocks and at most so many.
func (p *play) live(least, most, size int) {
	p.t.Helper()
	p.run(least, size)
	for at := least; at < most && len(p.missing()) > 0; at++ {
		p.run(1, size)
	}
}

// pause is how long a block takes: mostly seconds, at times longer, and now and
// then the network stands still.
func (p *play) pause() time.Duration {
	seconds := 1 + p.r.Intn(9)
	switch at := p.r.Intn(100); {
	case at < 2:
		seconds = 600 + p.r.Intn(7_200)
	case at < 8:
		seconds = 10 + p.r.Intn(40)
	}
	return time.Duration(seconds) * time.Second
}

// block lets people act on a copy of the state, one after the other, so that
// each sees what the one before did, and then makes a block of what they sent.
// The block must come to the same results.
func (p *play) block(pause time.Duration, size int) {
	p.t.Helper()
	height := p.app.LastBlockHeight() + 1
	p.time = p.time.Add(pause)
	request := &abci.RequestFinalizeBlock{Height: height, Time: p.time}
	var contribution []byte
	request.ProposerAddress, contribution = p.propose(height)
	ctx := p.scene(height, request.ProposerAddress)
	before, err := p.app.ComputeKeeper.Params.Get(ctx)
	require.NoError(p.t, err)
	_, err = p.app.ModuleManager().PreBlock(ctx)
	require.NoError(p.t, err)
	require.NoError(p.t, p.app.PocKeeper.Advance(ctx, contribution))
	_, err = p.app.ModuleManager().BeginBlock(ctx)
	require.NoError(p.t, err)

	var expected []error
	act := func(op operation) {
		if raw, err, sent := p.act(ctx, op, len(request.Txs)); sent {
			request.Txs, expected = append(request.Txs, raw), append(expected, err)
		}
	}
	for _, f := range p.due() {
		act(operation{factory: f})
	}
	for range size {
		act(p.ops.pick(p.r))
	}
	for range 8 {
		act(operation{factory: p.vote()})
	}
	for range turns {
		act(p.proving.pick(p.r))
	}
	if p.checkTx {
		for _, raw := range request.Txs { // the answer is for the mempool
			_, err := p.app.CheckTx(&abci.RequestCheckTx{Tx: raw, Type: abci.CheckTxType_New})
			require.NoError(p.t, err)
		}
	}
	first := 0
	if contribution != nil {
		first, request.Txs = 1, append([][]byte{contribution}, request.Txs...)
	}
	response, err := p.app.FinalizeBlock(request)
	require.NoError(p.t, err, "block %d", height)
	for i, result := range response.TxResults[first:] {
		require.Equal(p.t, expected[i] == nil, result.Code == abci.CodeTypeOK,
			"block %d, transaction %d: one after the other it came to %v, in the block to %q", height, i, expected[i], result.Log)
		p.watch(result.Events)
	}
	p.watch(response.Events)
	_, err = p.app.Commit()
	require.NoError(p.t, err)
	p.hashes = append(p.hashes, fmt.Sprintf("%x", response.AppHash))
	after, err := p.app.ComputeKeeper.Params.Get(p.context())
	require.NoError(p.t, err)
	if !before.Equal(after) {
		p.count.paramChanges++
	}
	if p.onBlock != nil {
		p.onBlock(request, response)
	}
}

// scene is a copy of the committed state at the beginning of a block.
func (p *play) scene(height int64, proposer []byte) sdk.Context {
	head := cmtproto.Header{ChainID: simChain, Height: height, Time: p.time, ProposerAddress: proposer}
	return sdk.NewContext(p.app.CommitMultiStore().CacheMultiStore(), head, false, log.NewNopLogger()).
		WithHeaderInfo(header.Info{ChainID: simChain, Height: height, Time: p.time}).
		WithConsensusParams(p.app.GetConsensusParams(p.context())).WithExecMode(sdk.ExecModeFinalize).WithCometInfo(noNews{})
}

// context reads the committed state.
func (p *play) context() sdk.Context {
	return p.app.NewContextLegacy(true, cmtproto.Header{ChainID: simChain, Height: p.app.LastBlockHeight(), Time: p.time})
}

// act has somebody send a message. It returns the transaction and what came of
// it on the copy; a result other than the factory expects ends the test.
func (p *play) act(ctx sdk.Context, op operation, index int) (raw []byte, result error, sent bool) {
	p.t.Helper()
	f := op.factory
	codec := p.app.TxConfig().SigningContext().AddressCodec()
	data := simsx.NewChainDataSource(ctx, p.r, p.app.AccountKeeper, p.app.BankKeeper, codec, p.accounts...)
	reporter := simsx.NewBasicSimulationReporter().WithScope(f.MsgType())
	if f, ok := f.(simsx.HasFutureOpsRegistry); ok {
		f.SetFutureOpsRegistry(calendar{p})
	}
	signers, msg := create(ctx, f, data, reporter)
	if reporter.IsSkipped() || len(signers) == 0 {
		p.count.skipped++
		return nil, nil, false
	}
	var numbers, sequences []uint64
	var keys []simtypes.Account
	for _, s := range signers {
		account := p.app.AccountKeeper.GetAccount(ctx, s.Address)
		numbers, sequences, keys = append(numbers, account.GetAccountNumber()), append(sequences, account.GetSequence()), append(keys, s.Account)
	}
	fees := sdk.NewCoins(sdk.NewInt64Coin(computetypes.Denom, min(p.r.Int63n(20_000), signers[0].LiquidBalance().AmountOf(computetypes.Denom).Int64())))
	tx, err := simtestutil.GenSignedMockTx(p.r, p.app.TxConfig(), []sdk.Msg{msg}, fees, simGas, simChain, numbers, sequences,
		simsx.Collect(keys, privateKey)...)
	require.NoError(p.t, err)
	raw, err = p.app.TxConfig().TxEncoder()(tx)
	require.NoError(p.t, err)

	result = p.execute(ctx.WithTxBytes(raw).WithTxIndex(index), tx)
	require.NoError(p.t, f.DeliveryResultHandler()(result), "block %d, %T: %v", ctx.BlockHeight(), msg, msg)
	p.requireVerdict(ctx, op, msg)
	p.count.sent++
	p.count.tried[op.name]++
	if result != nil {
		p.count.refused++
	}
	return raw, result, true
}

// execute is what a block does with one transaction.
func (p *play) execute(ctx sdk.Context, tx sdk.Tx) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	for _, msg := range tx.GetMsgs() {
		if m, ok := msg.(sdk.HasValidateBasic); ok {
			if err := m.ValidateBasic(); err != nil {
				return err
			}
		}
	}
	checking, write := ctx.CacheContext()
	checked, err := p.ante(checking, tx, false)
	if err != nil {
		return err
	}
	write()
	running, write := checked.WithMultiStore(ctx.MultiStore()).CacheContext()
	for _, msg := range tx.GetMsgs() {
		handler := p.app.MsgServiceRouter().Handler(msg)
		if handler == nil {
			return fmt.Errorf("nobody handles %T", msg)
		}
		if _, err := handler(running, msg); err != nil {
			return err
		}
	}
	write()
	return nil
}

// create runs a factory. After a skip it may run on with an account that is
// nobody's, and fail.
func create(ctx sdk.Context, f simsx.SimMsgFactoryX, data *simsx.ChainDataSource, reporter simsx.SimulationReporter) (signers []simsx.SimAccount, msg sdk.Msg) {
	defer func() {
		if r := recover(); r != nil {
			if !reporter.IsSkipped() {
				panic(r)
			}
			signers, msg = nil, nil
		}
	}()
	ctx, _ = ctx.CacheContext() // a factory reads
	return f.Create()(ctx, data, reporter)
}

// calendar takes the operations that others order for later.
type calendar struct{ p *play }

func (c calendar) Add(at time.Time, f simsx.SimMsgFactoryX) {
	c.p.later = append(c.p.later, later{at, f})
}

// due returns the operations whose time has come.
func (p *play) due() []simsx.SimMsgFactoryX {
	var now []simsx.SimMsgFactoryX
	var rest []later
	for _, l := range p.later {
		if l.at.After(p.time) {
			rest = append(rest, l)
		} else {
			now = append(now, l.factory)
		}
	}
	p.later = rest
	return now
}

// vote has a validator agree to new parameters, so that some come into force.
func (p *play) vote() simsx.SimMsgFactoryX {
	return simsx.SimMsgFactoryFn[*govv1.MsgVote](func(ctx context.Context, data *simsx.ChainDataSource, reporter simsx.SimulationReporter) ([]simsx.SimAccount, *govv1.MsgVote) {
		var open []uint64
		err := p.app.GovKeeper.Proposals.Walk(ctx, nil, func(id uint64, proposal govv1.Proposal) (bool, error) {
			if proposal.Status == govv1.StatusVotingPeriod {
				open = append(open, id)
			}
			return len(open) == 1, nil // one at a time: votes that are scattered decide nothing
		})
		if err != nil || len(open) == 0 {
			reporter.Skip("nothing to vote on")
			return nil, nil
		}
		voter := data.AnyAccountN(20, reporter, simsx.SimAccountFilterFn(func(a simsx.SimAccount) bool {
			if _, err := p.app.StakingKeeper.GetValidator(ctx, sdk.ValAddress(a.Address)); err != nil {
				return false
			}
			voted, err := p.app.GovKeeper.Votes.Has(ctx, collections.Join(open[0], a.Address))
			return err == nil && !voted
		}))
		return []simsx.SimAccount{voter}, govv1.NewMsgVote(voter.Address, open[0], govv1.OptionYes, "")
	})
}

func privateKey(a simtypes.Account) cryptotypes.PrivKey { return a.PrivKey }
