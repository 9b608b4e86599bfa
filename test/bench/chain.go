package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand"
	chacha "math/rand/v2"
	"os"
	"runtime"
	"time"

	"cosmossdk.io/log/v2"
	sdkmath "cosmossdk.io/math"

	abci "github.com/cometbft/cometbft/abci/types"
	cmttypes "github.com/cometbft/cometbft/types"
	dbm "github.com/cosmos/cosmos-db"

	"github.com/cosmos/cosmos-sdk/baseapp"
	"github.com/cosmos/cosmos-sdk/crypto/keys/secp256k1"
	cryptotypes "github.com/cosmos/cosmos-sdk/crypto/types"
	simtestutil "github.com/cosmos/cosmos-sdk/testutil/sims"
	sdk "github.com/cosmos/cosmos-sdk/types"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"
	banktypes "github.com/cosmos/cosmos-sdk/x/bank/types"

	"github.com/edgematrix/emc/app"
	"github.com/edgematrix/emc/pkg/beacon"
	"github.com/edgematrix/emc/x/compute/types"
	poctypes "github.com/edgematrix/emc/x/poc/types"
)

const (
	benchChain = "emc-bench-1"
	senders    = 400 // accounts, and transactions a block
	gasLimit   = 400_000
)

// chain is the whole application in process on a real database, without
// consensus: what a validator's machine does for each block.
type chain struct {
	app      *app.App
	db       *dbm.GoLevelDB
	dir      string
	keys     []*secp256k1.PrivKey
	numbers  []uint64
	sequence []uint64
	height   int64
	time     time.Time
	rand     *rand.Rand
	// proposer makes all blocks; with a key, it contributes to the beacon.
	proposer  []byte
	beaconKey *beacon.Key
	// untidy leaves it to the caller to collect garbage between blocks: with
	// gigabytes in memory that takes a thousand times as long as a block.
	untidy bool
}

// setup is what a chain begins with.
type setup struct {
	// keys are the accounts that send; senders of their own where there are none.
	keys []*secp256k1.PrivKey
	// nodes are registered.
	nodes []types.Node
	// options are app.toml's keys.
	options simtestutil.AppOptionsMap
	// poc changes x/poc's genesis; with it, the validator contributes to the beacon.
	poc func(*poctypes.GenesisState)
}

func key(kind string, n int) *secp256k1.PrivKey {
	return secp256k1.GenPrivKeyFromSecret(binary.BigEndian.AppendUint64([]byte(kind), uint64(n)))
}

func addressOf(k cryptotypes.PrivKey) sdk.AccAddress { return sdk.AccAddress(k.PubKey().Address()) }

// newChain starts a chain with the given number of nodes, all online, and one
// app that each of them serves.
func newChain(nodes int) (*chain, error) {
	s := setup{}
	operator, now := addressOf(key("sender", 0)).String(), chainStart()
	for i := range nodes {
		s.nodes = append(s.nodes, benchNode(i, 4, operator, now))
	}
	return startChain(s)
}

func chainStart() time.Time { return time.Unix(1_800_000_000, 0).UTC() }

func startChain(s setup) (*chain, error) {
	dir, err := os.MkdirTemp("", "emc-bench")
	if err != nil {
		return nil, err
	}
	db, err := dbm.NewGoLevelDB("application", dir, nil)
	if err != nil {
		return nil, err
	}
	options := simtestutil.AppOptionsMap{"home": dir}
	maps.Copy(options, s.options)
	c := &chain{
		db: db, dir: dir, keys: s.keys, height: 0, time: chainStart(), rand: rand.New(rand.NewSource(1)),
		app: app.New(log.NewNopLogger(), db, true, options, baseapp.SetChainID(benchChain)),
	}
	if len(c.keys) == 0 {
		for i := range senders {
			c.keys = append(c.keys, key("sender", i))
		}
	}
	state, err := c.genesis(s)
	if err != nil {
		return nil, err
	}
	bytes, err := json.Marshal(state)
	if err != nil {
		return nil, err
	}
	consensus := app.DefaultConsensusParams().ToProto()
	consensus.Block.MaxGas = -1
	if _, err := c.app.InitChain(&abci.RequestInitChain{
		ChainId: benchChain, AppStateBytes: bytes, Time: c.time, InitialHeight: 1, ConsensusParams: &consensus,
	}); err != nil {
		return nil, err
	}
	if _, _, err := c.block(nil); err != nil {
		return nil, err
	}
	return c, nil
}

func (c *chain) close() { os.RemoveAll(c.dir) }

func (c *chain) genesis(s setup) (map[string]json.RawMessage, error) {
	valSet, err := simtestutil.CreateRandomValidatorSet()
	if err != nil {
		return nil, err
	}
	var accounts []authtypes.GenesisAccount
	var balances []banktypes.Balance
	fund := func(addr sdk.AccAddress, uemc int64) {
		balances = append(balances, banktypes.Balance{Address: addr.String(), Coins: sdk.NewCoins(types.Uemc(sdkmath.NewInt(uemc)))})
	}
	for i, k := range c.keys {
		c.numbers = append(c.numbers, uint64(i))
		c.sequence = append(c.sequence, 0)
		accounts = append(accounts, authtypes.NewBaseAccount(addressOf(k), k.PubKey(), uint64(i), 0))
		fund(addressOf(k), 1_000_000_000_000)
	}
	compute := types.DefaultGenesis()
	operator := addressOf(c.keys[0]).String()
	compute.Apps = []types.App{benchApp(operator)}
	compute.Nodes = s.nodes
	staked := sdkmath.ZeroInt()
	for _, n := range s.nodes {
		fund(types.NodeDeposit(sdk.MustAccAddressFromBech32(n.Address)), 1)
		staked = staked.Add(n.Stake)
	}
	if staked.IsPositive() {
		fund(authtypes.NewModuleAddress(types.ModuleName), staked.Int64())
	}
	state, err := simtestutil.GenesisStateWithValSet(c.app.AppCodec(), c.app.DefaultGenesis(), &cmttypes.ValidatorSet{Validators: valSet.Validators, Proposer: valSet.Proposer}, accounts, balances...)
	if err != nil {
		return nil, err
	}
	state[types.ModuleName] = c.app.AppCodec().MustMarshalJSON(compute)
	c.proposer = valSet.Validators[0].Address
	if s.poc != nil {
		k, err := beacon.NewKey(chacha.NewChaCha8([32]byte{1}))
		if err != nil {
			return nil, err
		}
		c.beaconKey = &k
		poc := poctypes.DefaultGenesis()
		poc.BeaconKeys = []poctypes.BeaconKey{{Validator: sdk.ValAddress(c.proposer).String(), Pubkey: k.PubKey()}}
		s.poc(poc)
		state[poctypes.ModuleName] = c.app.AppCodec().MustMarshalJSON(poc)
	}
	return state, nil
}

// benchApp is the app that every node serves.
func benchApp(owner string) types.App {
	return types.App{
		Id: "charlm", Owner: owner, Runtime: types.RuntimeWasm, Interface: types.INTERFACE_BATCH,
		Digest: "abababababababababababababababababababababababababababababababab",
	}
}

// benchNode is a node that is online since now.
func benchNode(i int, slots uint32, operator string, now time.Time) types.Node {
	k := key("node", i)
	return types.Node{
		Address: addressOf(k).String(), Pubkey: k.PubKey().Bytes(), Operator: operator, Role: types.ROLE_COMPUTING,
		Offer: types.Offer{
			Hardware: types.Hardware{CpuModel: "bench", CpuCores: 16, MemoryBytes: 64 << 30}, Region: "DE", Slots: slots,
			SlotHourPrice: types.Uemc(sdkmath.NewInt(int64(360_000 + i%1000))), Runtimes: []string{types.RuntimeWasm},
		},
		Endpoints: []string{"/ip4/203.0.113.7/tcp/4600"}, Accepting: true, ReportedAt: now.Unix(),
		Stake: sdkmath.ZeroInt(), Deposit: sdkmath.OneInt(), ReservedStake: sdkmath.ZeroInt(), RegisteredAt: now.Unix(),
	}
}

// block executes and commits one block and tells how much processor time that
// took: on a machine that does other things as well, the clock on the wall
// measures those.
func (c *chain) block(txs [][]byte) (time.Duration, *abci.ResponseFinalizeBlock, error) {
	c.height++
	c.time = c.time.Add(time.Second)
	if c.beaconKey != nil {
		contribution := beacon.Contribution(c.beaconKey.Prove(beacon.HeightInput(benchChain, c.height)))
		txs = append([][]byte{contribution}, txs...)
	}
	if !c.untidy {
		runtime.GC() // the garbage of the block before is not this one's work
	}
	start := processorTime()
	res, err := c.app.FinalizeBlock(&abci.RequestFinalizeBlock{Height: c.height, Time: c.time, Txs: txs, ProposerAddress: c.proposer})
	if err != nil {
		return 0, nil, err
	}
	if _, err := c.app.Commit(); err != nil {
		return 0, nil, err
	}
	span := processorTime() - start
	for i, r := range res.TxResults {
		if r.Code != 0 {
			return 0, nil, fmt.Errorf("transaction %d of height %d: %s", i, c.height, r.Log)
		}
	}
	return span, res, nil
}

// txs signs one transaction of each sender.
func (c *chain) txs(message func(sender int) sdk.Msg) ([][]byte, error) {
	out := make([][]byte, senders)
	for i := range out {
		var err error
		if out[i], err = c.tx(i, message(i)); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// tx signs a sender's next transaction.
func (c *chain) tx(i int, message sdk.Msg) ([]byte, error) { return c.sign(i, gasLimit, message) }

func (c *chain) sign(i int, gasLimit uint64, message sdk.Msg) ([]byte, error) {
	fee := sdk.NewCoins(types.Uemc(sdkmath.NewIntFromUint64(gasLimit / 100)))
	tx, err := simtestutil.GenSignedMockTx(c.rand, c.app.TxConfig(), []sdk.Msg{message}, fee, gasLimit, benchChain,
		[]uint64{c.numbers[i]}, []uint64{c.sequence[i]}, c.keys[i])
	if err != nil {
		return nil, err
	}
	c.sequence[i]++
	return c.app.TxConfig().TxEncoder()(tx)
}
