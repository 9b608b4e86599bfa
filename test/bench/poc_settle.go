package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math/rand"
	"slices"
	"time"

	"cosmossdk.io/collections"
	"cosmossdk.io/log/v2"
	sdkmath "cosmossdk.io/math"

	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"

	"github.com/cosmos/cosmos-sdk/crypto/keys/secp256k1"
	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/proof"
	"github.com/edgematrix/emc/x/compute/types"
	poctypes "github.com/edgematrix/emc/x/poc/types"
)

const (
	millionNodes = 1_000_000
	// written is how many nodes are written before the next block.
	written = 100_000
	// settleRounds are the windows that are timed, after as many as make power
	// what it is for nodes that have long been there.
	settleRounds = 31
)

// settleChain is a chain on which windows are written as they are when all proofs
// are in, so that settling and paying is all that happens.
type settleChain struct {
	*chain
	provers []sdk.AccAddress
	number  uint64
}

// settleFigure compares settling and paying 500 commitments, alternating, among
// 10^6 registered nodes and on a chain with those 500 nodes only. It counts all
// that the blocks do, with the hashes and the database of their commit.
func settleFigure() (float64, error) {
	full, err := newSettleChain(millionNodes)
	if err != nil {
		return 0, err
	}
	defer full.close()
	few, err := newSettleChain(provers)
	if err != nil {
		return 0, err
	}
	defer few.close()
	var many, some []time.Duration
	powers := rand.New(rand.NewSource(7))
	warm := int(poctypes.DefaultParams().PowerWindows)
	for round := range warm + settleRounds {
		claims := make([]uint64, provers)
		for i := range claims { // about 5 E, and a little different every time
			claims[i] = uint64(5*poctypes.MicroE + powers.Intn(poctypes.MicroE/10))
		}
		m, err := full.settle(claims)
		if err != nil {
			return 0, err
		}
		s, err := few.settle(claims)
		if err != nil {
			return 0, err
		}
		if round >= warm {
			many, some = append(many, m), append(some, s)
		}
	}
	fmt.Printf("  settling and paying 500 commitments: %.1f ms among 10^6 nodes, %.1f ms among 500, of processor time (fastest: %.1f and %.1f ms)\n",
		median(seconds(many))*1e3, median(seconds(some))*1e3, best(many)*1e3, best(some)*1e3)
	return median(seconds(many)) / median(seconds(some)), nil
}

func newSettleChain(nodes int) (*settleChain, error) {
	base, err := startChain(setup{keys: []*secp256k1.PrivKey{key("sender", 0)}, poc: func(g *poctypes.GenesisState) {
		g.Params.WindowGapBlocks = 1_000_000 // none opens by itself
	}})
	if err != nil {
		return nil, err
	}
	c := &settleChain{chain: base}
	operator := addressOf(c.keys[0])
	begin := time.Now()
	all := make([]types.Node, nodes)
	for i := range all {
		all[i] = madeUpNode(i, operator.String())
		if i < provers {
			all[i].Stake = sdkmath.NewInt(10_000_000_000)
			c.provers = append(c.provers, nodeAddress(i))
		}
	}
	// In the order of the store writing them takes a quarter of the time.
	slices.SortFunc(all, func(a, b types.Node) int { return bytes.Compare(a.Pubkey, b.Pubkey) })
	for part := range slices.Chunk(all, written) {
		ctx := c.writable()
		for _, n := range part {
			addr := sdk.AccAddress(n.Pubkey[1:21])
			if err := c.app.ComputeKeeper.Nodes.Set(ctx, addr, n); err != nil {
				return nil, err
			}
			if err := c.app.ComputeKeeper.NodesByOperator.Set(ctx, collections.Join(operator, addr)); err != nil {
				return nil, err
			}
		}
		if _, _, err := c.block(nil); err != nil {
			return nil, err
		}
	}
	fmt.Printf("  %d nodes written in %.0f s\n", nodes, time.Since(begin).Seconds())
	return c, nil
}

// madeUpNode has an address that no key belongs to: 10^6 keys take minutes to
// make, and this one signs nothing.
func madeUpNode(i int, operator string) types.Node {
	return types.Node{
		Address: nodeAddress(i).String(), Pubkey: madeUpKey(i), Operator: operator, Role: types.ROLE_COMPUTING,
		Offer: types.Offer{
			Hardware: types.Hardware{CpuModel: "bench", CpuCores: 16, MemoryBytes: 64 << 30}, Region: "DE", Slots: 4,
			SlotHourPrice: types.Uemc(sdkmath.NewInt(int64(360_000 + i%1000))), Runtimes: []string{types.RuntimeWasm},
		},
		Endpoints: []string{"/ip4/203.0.113.7/tcp/4600"}, ReportedAt: chainStart().Unix(),
		Stake: sdkmath.ZeroInt(), Deposit: sdkmath.ZeroInt(), ReservedStake: sdkmath.ZeroInt(), RegisteredAt: chainStart().Unix(),
	}
}

func madeUpKey(i int) []byte {
	h := sha256.Sum256(fmt.Appendf(nil, "node %d", i))
	return append([]byte{2}, h[:]...)
}

// nodeAddress is a part of the made-up key, so that both have the same order.
func nodeAddress(i int) sdk.AccAddress { return madeUpKey(i)[1:21] }

// writable is the state itself: what is written becomes part of the next block.
func (c *chain) writable() sdk.Context {
	return sdk.NewContext(c.app.CommitMultiStore(), cmtproto.Header{ChainID: benchChain, Height: c.height, Time: c.time}, false, log.NewNopLogger())
}

// settle writes a window in which all have revealed what they claim, and times
// the blocks that settle it.
func (c *settleChain) settle(claims []uint64) (time.Duration, error) {
	c.number++
	w := poctypes.Window{
		Height: c.height + 1, Phase: poctypes.PHASE_REVEAL, Beacon: make([]byte, 32), Draw: make([]byte, 32), Opened: c.time,
		ClosesAt: c.height + 2, TookNanoseconds: (12 * time.Second).Nanoseconds(), Number: c.number, DrawnAt: c.height, RevealUntil: c.height + 2,
		Commits: uint64(len(claims)), DrawBelow: poctypes.Everyone, SuspectDrawBelow: poctypes.Everyone, Samples: 16, SuspectSamples: 32,
		Minted: sdkmath.ZeroInt(), MintedValidators: sdkmath.ZeroInt(), Paid: sdkmath.ZeroInt(),
	}
	ctx, k := c.writable(), c.app.PocKeeper
	if err := k.Windows.Set(ctx, w.Height, w); err != nil {
		return 0, err
	}
	if err := k.Last.Set(ctx, w.Height); err != nil {
		return 0, err
	}
	if err := k.Number.Set(ctx, w.Number); err != nil {
		return 0, err
	}
	for i, addr := range c.provers {
		if err := k.Commits.Set(ctx, addr, poctypes.Commit{
			Node: addr, Window: w.Height, Log2N: proof.MinLogN, Rounds: 1, Root: make([]byte, 32), Outcome: poctypes.OUTCOME_PROVED, Power: claims[i],
		}); err != nil {
			return 0, err
		}
	}
	if _, _, err := c.block(nil); err != nil { // it commits what was written
		return 0, err
	}
	var took time.Duration
	for range 10 {
		span, _, err := c.block(nil)
		if err != nil {
			return 0, err
		}
		took += span
		now, err := c.window()
		if err != nil {
			return 0, err
		}
		if now.Phase == poctypes.PHASE_CLOSED {
			if now.Proved != provers || !now.Paid.IsPositive() {
				return 0, fmt.Errorf("window %d: %d of %d nodes proved, and were paid %s", now.Height, now.Proved, provers, now.Paid)
			}
			return took, nil
		}
	}
	return 0, fmt.Errorf("window %d is not over", w.Height)
}
