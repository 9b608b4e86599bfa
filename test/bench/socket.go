package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"time"

	sdkmath "cosmossdk.io/math"

	abci "github.com/cometbft/cometbft/abci/types"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/x/socket/types"
)

const (
	fewNodes = 40
	// coldRounds are blocks of sales on the great chain.
	coldRounds = 3
	// quietBlocks and listingQueries are timed; both are quick.
	quietBlocks    = 61
	listingQueries = 101
)

// socketFigures measure what a sale costs, and a chain with 10^6 sockets.
func socketFigures() ([]Figure, error) {
	// A collection marks gigabytes on all cores, which is not the work of the block
	// in which it happens to run: there is none while something is measured.
	defer debug.SetGCPercent(debug.SetGCPercent(300))
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(6 << 30))
	buy, gas, err := fewSockets()
	if err != nil {
		return nil, err
	}
	figures := []Figure{
		{"socket.buy.vs_bank_send", buy, "ratio", "<= 2"},
		{"socket.buy.gas", gas, "gas", "-"},
	}
	many, err := manySockets()
	return append(figures, many...), err
}

// fewSockets measures sales where all sockets are sold, each with its NFT. Here
// every rule of the modules can be checked: the other chain is filled likewise.
func fewSockets() (buy, gas float64, err error) {
	b, err := newBourse(fewNodes, fewNodes*socketsPerNode)
	if err != nil {
		return 0, 0, err
	}
	defer b.close()
	if err := b.check(); err != nil {
		return 0, 0, fmt.Errorf("the sockets are not what messages would have made: %w", err)
	}
	return b.buyAgainstSend(rounds)
}

func manySockets() ([]Figure, error) {
	empty, err := newChain(0)
	if err != nil {
		return nil, err
	}
	defer empty.close()
	empty.untidy = true
	full, err := newBourse(manyNodes/10, coldRounds*senders+senders)
	if err != nil {
		return nil, err
	}
	defer full.close()
	for _, c := range []*chain{full.chain, empty} {
		if err := c.settleDown(); err != nil {
			return nil, err
		}
	}
	blocks, err := quietAgainst(full.chain, empty)
	if err != nil {
		return nil, err
	}
	query, err := full.listings()
	if err != nil {
		return nil, err
	}
	buy, _, err := full.buyAgainstSend(coldRounds)
	if err != nil {
		return nil, err
	}
	return []Figure{
		{"socket.buy.1e6_sockets.vs_bank_send", buy, "ratio (sales from 10^6 sockets, transfers among 400 accounts)", "-"},
		{"endblock.1e6_sockets.vs_empty", blocks, "ratio", "<= 1.2"},
		{"socket.listings_query_ms", query, "ms", "<= 20"},
	}, nil
}

// settleDown puts the database in order. After so many writes it would go on to do
// so by itself for minutes, beside everything else and on the processor that is
// measured.
func (c *chain) settleDown() error { return c.db.ForceCompact(nil, nil) }

// uncollected lets garbage lie until the function that it returns is called.
func uncollected() func() {
	runtime.GC()
	percent := debug.SetGCPercent(-1)
	return func() { debug.SetGCPercent(percent) }
}

// quietAgainst compares blocks without transactions, alternating.
func quietAgainst(full, empty *chain) (float64, error) {
	defer uncollected()()
	var busy, idle []time.Duration
	for range quietBlocks {
		b, _, err := full.block(nil)
		if err != nil {
			return 0, err
		}
		e, _, err := empty.block(nil)
		if err != nil {
			return 0, err
		}
		busy, idle = append(busy, b), append(idle, e)
	}
	own, err := full.ownEnd()
	if err != nil {
		return 0, err
	}
	fmt.Printf("  empty chain %.2f ms, with 10^6 sockets %.2f ms of processor time a block, of which %.3f ms are x/socket's\n",
		median(seconds(idle))*1e3, median(seconds(busy))*1e3, own*1e3)
	return median(seconds(busy)) / median(seconds(idle)), nil
}

// ownEnd is the time of x/socket's own end of a block, in seconds.
func (c *chain) ownEnd() (float64, error) {
	begin := processorTime()
	for range quietBlocks {
		if err := c.app.SocketKeeper.EndBlock(c.app.NewContext(true).WithBlockTime(c.time)); err != nil {
			return 0, err
		}
	}
	return (processorTime() - begin).Seconds() / quietBlocks, nil
}

// buyAgainstSend compares whole blocks of first sales with whole blocks of
// transfers, alternating.
func (b *bourse) buyAgainstSend(rounds int) (ratio, gas float64, err error) {
	defer uncollected()()
	var buys, sends []time.Duration
	next := 0
	buy := func(i int) sdk.Msg {
		o := b.forSale[next]
		next++
		return &types.MsgBuy{Buyer: addressOf(b.keys[i]).String(), Socket: o.id, MaxPrice: types.Uemc(sdkmath.NewIntFromUint64(o.ask))}
	}
	for round := range rounds + 1 {
		for _, kind := range []struct {
			message func(int) sdk.Msg
			spans   *[]time.Duration
		}{{b.send, &sends}, {buy, &buys}} {
			txs, err := b.txs(kind.message)
			if err != nil {
				return 0, 0, err
			}
			runtime.GC() // what signing and the block before have left
			span, res, err := b.block(txs)
			if err != nil {
				return 0, 0, err
			}
			gas = float64(res.TxResults[senders/2].GasUsed)
			if round > 0 { // the first round warms the caches
				*kind.spans = append(*kind.spans, span)
			}
		}
	}
	for _, o := range b.forSale[:next] {
		s, err := b.app.SocketKeeper.Socket(b.app.NewContext(true), o.id)
		if err != nil {
			return 0, 0, err
		}
		if !s.Sold() || !s.Price.Equal(sdkmath.NewIntFromUint64(o.ask)) {
			return 0, 0, fmt.Errorf("socket %s was not sold: the measurement proves nothing", o.id)
		}
	}
	fmt.Printf("  %d first sales %.0f ms, %d transfers %.0f ms of processor time\n", senders, best(buys)*1e3, senders, best(sends)*1e3)
	return best(buys) / best(sends), gas, nil
}

// listings asks as a node's gRPC server does for the cheapest sockets of an app,
// at the newest height, and returns milliseconds
// by the wall clock: somebody waits for the answer.
func (b *bourse) listings() (float64, error) {
	request, err := (&types.QueryListingsRequest{App: "charlm"}).Marshal()
	if err != nil {
		return 0, err
	}
	defer uncollected()()
	var spans []time.Duration
	begin := processorTime()
	for range listingQueries {
		start := time.Now()
		res, err := b.app.Query(context.Background(), &abci.RequestQuery{Path: "/emc.socket.v1.Query/Listings", Data: request})
		spans = append(spans, time.Since(start))
		if err != nil {
			return 0, err
		}
		if res.Code != 0 {
			return 0, errors.New(res.Log)
		}
		var page types.QueryListingsResponse
		if err := page.Unmarshal(res.Value); err != nil {
			return 0, err
		}
		if len(page.Listings) != 100 || len(page.Pagination.NextKey) == 0 {
			return 0, fmt.Errorf("a page of %d listings, expected 100 and more to come", len(page.Listings))
		}
	}
	fmt.Printf("  the first of %d listings queries took %.1f ms, the slowest %.1f, %.1f of processor time each\n", listingQueries,
		spans[0].Seconds()*1e3, slices.Max(spans).Seconds()*1e3, (processorTime()-begin).Seconds()*1e3/listingQueries)
	return median(seconds(spans)) * 1e3, nil
}
