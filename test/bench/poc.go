package main

import (
	"fmt"

	"github.com/edgematrix/emc/app/params"
	"github.com/edgematrix/emc/worker/config"
	poctypes "github.com/edgematrix/emc/x/poc/types"
)

// pocFigures measure what Proof of Computing costs the chain and those whose jobs
// run on its nodes.
func pocFigures() ([]Figure, error) {
	window, err := measureWindow()
	if err != nil {
		return nil, fmt.Errorf("a window: %w", err)
	}
	settled, err := settleFigure()
	if err != nil {
		return nil, fmt.Errorf("settling: %w", err)
	}
	p := poctypes.DefaultParams()
	return []Figure{
		{"poc.window.block_time.vs_empty", window.blockTime, "ratio (with the second between blocks)", "<= 2"},
		{"poc.settle.1e6_nodes.vs_empty", settled, "ratio", "<= 1.2"},
		{"poc.tenant_pause_share", pauseShare(p), "of the time (from the parameters)", "<= 0.01"},
		{"poc.proving_nodes_capacity", capacity(p, window.commitGas, window.commitBytes), "nodes in a window", "-"},
	}, nil
}

// pauseShare is the share of time in which jobs stand still on a node that proves
// in every window: from the block that opens it until after the one that closes
// it. A window may open gap blocks after the last one, and opens in one block of
// mean from then on.
func pauseShare(p poctypes.Params) float64 {
	return float64(p.WindowBlocks+1) / float64(p.WindowGapBlocks+p.WindowMeanBlocks-1)
}

// capacity is how many nodes can have a commitment in every window while others
// flood the chain: proofs have a share of each block, and the worker commits at
// 80 % of the window for the first time. Its second commitment, in the last
// block, replaces that one where it finds room; until it does, the work of the
// last fifth is lost and nothing else.
func capacity(p poctypes.Params, gas, size float64) float64 {
	share := float64(p.ProofBlockBps) / poctypes.Whole
	wanted := gas * config.Default().Chain.GasAdjustment // a block is filled by what transactions ask for
	byGas, byBytes := share*params.BlockMaxGas/wanted, share*params.BlockMaxBytes/size
	perBlock := float64(int(min(byGas, byBytes)))
	early := p.WindowBlocks - max(1, min(p.WindowBlocks*4/5, p.WindowBlocks-2))
	fmt.Printf("  a commitment takes %.0f gas, asks for %.0f and has %.0f bytes; half a block holds %.0f by gas and %.0f by bytes\n",
		gas, wanted, size, byGas, byBytes)
	fmt.Printf("  × %d blocks after 80 %% of the window; %.0f if commitments came evenly, two for each node; %.0f have their second one in the last block, too\n",
		early, perBlock*float64(p.WindowBlocks-1)/2, perBlock)
	return perBlock * float64(early)
}
