package main

import (
	"bytes"
	"fmt"
	"time"

	sdkmath "cosmossdk.io/math"

	cryptotypes "github.com/cosmos/cosmos-sdk/crypto/types"
	sdk "github.com/cosmos/cosmos-sdk/types"
	banktypes "github.com/cosmos/cosmos-sdk/x/bank/types"

	"github.com/edgematrix/emc/x/compute/types"
)

const (
	manyNodes = 100_000
	rounds    = 7
)

func chainFigures() ([]Figure, error) {
	empty, err := newChain(0)
	if err != nil {
		return nil, err
	}
	defer empty.close()
	full, err := newChain(manyNodes)
	if err != nil {
		return nil, err
	}
	defer full.close()
	blocks, err := endBlocks(full, empty)
	if err != nil {
		return nil, err
	}
	ratio, gas, err := full.submitAgainstSend()
	if err != nil {
		return nil, err
	}
	return []Figure{
		{"compute.submit_job.vs_bank_send", ratio, "ratio", "<= 2"},
		{"compute.submit_job.gas", gas, "gas", "-"},
		{"endblock.1e5.vs_empty", blocks, "ratio", "<= 1.2"},
	}, nil
}

func (c *chain) send(i int) sdk.Msg { return sendOne(c.keys[i], c.keys[(i+1)%senders]) }

func (c *chain) submit(i int) sdk.Msg { return submitOne(c.keys[i]) }

// sendOne is the smallest transfer there is.
func sendOne(from, to cryptotypes.PrivKey) sdk.Msg {
	return banktypes.NewMsgSend(addressOf(from), addressOf(to), sdk.NewCoins(types.Uemc(sdkmath.OneInt())))
}

// submitOne is a job for the cheapest node.
func submitOne(customer cryptotypes.PrivKey) sdk.Msg {
	return &types.MsgSubmitJob{
		Customer: addressOf(customer).String(), App: "charlm", MaxSeconds: 600, MaxPrice: types.Uemc(sdkmath.NewInt(1_000_000)),
		Requirements: types.Requirements{MinStake: sdkmath.ZeroInt()},
		SpecDigest:   bytes.Repeat([]byte{1}, 32), InputsDigest: bytes.Repeat([]byte{2}, 32), AccessKey: customer.PubKey().Bytes(),
	}
}

// submitAgainstSend compares whole blocks of submissions with whole blocks of
// transfers, alternating, with every node indexed.
func (c *chain) submitAgainstSend() (ratio, gas float64, err error) {
	var submits, sends []time.Duration
	for round := range rounds + 1 {
		for _, kind := range []struct {
			message func(int) sdk.Msg
			spans   *[]time.Duration
		}{{c.send, &sends}, {c.submit, &submits}} {
			txs, err := c.txs(kind.message)
			if err != nil {
				return 0, 0, err
			}
			span, res, err := c.block(txs)
			if err != nil {
				return 0, 0, err
			}
			gas = float64(res.TxResults[senders/2].GasUsed)
			if round > 0 { // the first round warms the caches
				*kind.spans = append(*kind.spans, span)
			}
		}
	}
	return best(submits) / best(sends), gas, nil
}

// endBlocks compares blocks without transactions, alternating: on a chain with
// 10^5 nodes where in every block one job runs into its time-out and is placed
// anew, and on a chain with nothing at all.
func endBlocks(full, empty *chain) (float64, error) {
	acknowledge := int(types.DefaultParams().AcknowledgeSeconds)
	for i := range acknowledge {
		tx, err := full.tx(i, full.submit(i))
		if err != nil {
			return 0, err
		}
		if _, _, err := full.block([][]byte{tx}); err != nil {
			return 0, err
		}
		if _, _, err := empty.block(nil); err != nil {
			return 0, err
		}
	}
	var busy, idle []time.Duration
	for range acknowledge {
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
	moved := 0
	if err := full.app.ComputeKeeper.Jobs.Walk(full.app.NewContext(true), nil, func(_ string, j types.Job) (bool, error) {
		if len(j.TriedNodes) > 0 {
			moved++
		}
		return false, nil
	}); err != nil {
		return 0, err
	}
	if moved < acknowledge {
		return 0, fmt.Errorf("only %d of %d jobs ran into their time-out: the measurement proves nothing", moved, acknowledge)
	}
	fmt.Printf("  one time-out a block; empty chain %.2f ms, with 10^5 nodes %.2f ms of processor time\n",
		median(seconds(idle))*1e3, median(seconds(busy))*1e3)
	return median(seconds(busy)) / median(seconds(idle)), nil
}
