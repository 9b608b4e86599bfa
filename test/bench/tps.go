package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	sdkmath "cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/chainclient"
	"github.com/edgematrix/emc/test/e2e/rig"
	"github.com/edgematrix/emc/x/compute/types"
)

const (
	// tpsRounds is how often transfers and submissions take turns.
	tpsRounds = 3
	// tpsWindow is how long the full chain is watched each time.
	tpsWindow = 12 * time.Second
	// tpsNodes with tpsSlots each have room for every job of all rounds.
	tpsNodes = 150
	tpsSlots = 1_000
)

// tpsFigures compares how many transactions a second a running validator takes
// through mempool, consensus, execution and disk: submissions of jobs against
// transfers, in turns, from as many senders, with the load generator on the
// same cores.
func tpsFigures(bin string) ([]Figure, error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	b := rig.Binaries(bin)
	if err := b.Check(); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "emc-bench-tps-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	config := filepath.Join(dir, "config.yml")
	if err := writeTPSConfig(config, time.Now()); err != nil {
		return nil, err
	}
	net, err := rig.StartNetwork(ctx, b, filepath.Join(dir, "net"), config)
	if err != nil {
		return nil, err
	}
	defer net.Kill()
	l, err := newLoad(ctx, net.RPC, net.ChainID)
	if err != nil {
		return nil, err
	}
	kinds := []struct {
		name    string
		message func(i int) sdk.Msg
		rates   []float64
	}{
		{name: "transfers", message: func(i int) sdk.Msg { return sendOne(l.keys[i], l.keys[(i+1)%len(l.keys)]) }},
		{name: "submissions", message: func(i int) sdk.Msg { return submitOne(l.keys[i]) }},
	}
	var ratios []float64
	for round := range tpsRounds {
		for k := range kinds {
			rate, err := l.measure(ctx, kinds[k].message)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", kinds[k].name, err)
			}
			kinds[k].rates = append(kinds[k].rates, rate)
			fmt.Printf("  round %d of %d: %.0f %s a second\n", round+1, tpsRounds, rate, kinds[k].name)
		}
		ratios = append(ratios, kinds[1].rates[round]/kinds[0].rates[round])
	}
	return []Figure{
		{Name: "chain.tx_per_second.send", Value: median(kinds[0].rates), Unit: "tx/s", Goal: "-"},
		{Name: "chain.tx_per_second.job", Value: median(kinds[1].rates), Unit: "tx/s", Goal: "-"},
		{Name: "chain.tx_per_second.job_vs_send", Value: median(ratios), Unit: "ratio", Goal: ">= 0.5"},
	}, nil
}

// writeTPSConfig writes the local network's config.yml (JSON is YAML) with
// senders and nodes in its genesis.
func writeTPSConfig(path string, now time.Time) error {
	encoding, err := chainclient.NewEncoding()
	if err != nil {
		return err
	}
	type account struct {
		Name    string   `json:"name"`
		Address string   `json:"address,omitempty"`
		Coins   []string `json:"coins"`
	}
	accounts := []account{{Name: "validator", Coins: []string{"1000000emc"}}}
	for i := range senders {
		accounts = append(accounts, account{fmt.Sprint("sender", i), addressOf(key("sender", i)).String(), []string{"1000000emc"}})
	}
	compute := types.GenesisState{Apps: []types.App{benchApp(addressOf(key("sender", 0)).String())}}
	for i := range tpsNodes {
		n := benchNode(i, tpsSlots, addressOf(key("sender", 0)).String(), now)
		compute.Nodes = append(compute.Nodes, n)
		accounts = append(accounts, account{fmt.Sprint("deposit", i), types.NodeDeposit(addressOf(key("node", i))).String(), []string{"1uemc"}})
	}
	raw, err := encoding.Codec.MarshalJSON(&compute)
	if err != nil {
		return err
	}
	var state map[string]any
	if err := json.Unmarshal(raw, &state); err != nil {
		return err
	}
	config, err := json.Marshal(map[string]any{
		"version":    1,
		"accounts":   accounts,
		"validators": []any{map[string]any{"name": "validator", "bonded": "500000emc", "app": map[string]any{"minimum-gas-prices": "0.01uemc"}}},
		"genesis": map[string]any{
			"chain_id": benchChain,
			// With the bound on a block's gas both rates would be that bound, divided
			// by what a transaction may use: true, and no measurement.
			"consensus": map[string]any{"params": map[string]any{"block": map[string]any{"max_gas": "-1"}}},
			"app_state": map[string]any{"compute": map[string]any{"apps": state["apps"], "nodes": state["nodes"]}},
		},
	})
	if err != nil {
		return err
	}
	return os.WriteFile(path, config, 0o600)
}

// fee is what a transaction with this gas limit costs.
func fee(gas uint64) sdk.Coins {
	return sdk.NewCoins(types.Uemc(sdkmath.NewIntFromUint64(gas/100 + 1)))
}
