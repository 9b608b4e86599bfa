package app_test

import (
	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/stretchr/testify/require"

	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"
	banktypes "github.com/cosmos/cosmos-sdk/x/bank/types"

	computetypes "github.com/edgematrix/emc/x/compute/types"
)

// ledger is what a play began with, and what others than x/poc and x/compute burned
// since.
type ledger struct {
	supply, minted, slashed, burned math.Int
}

// opened is the ledger of a chain that begins.
func (p *play) opened() ledger {
	p.t.Helper()
	l := p.stand()
	l.burned = math.ZeroInt()
	return l
}

// stand is what the chain says now.
func (p *play) stand() ledger {
	p.t.Helper()
	ctx := p.context()
	e, err := p.app.PocKeeper.Emission.Get(ctx)
	require.NoError(p.t, err)
	l := ledger{supply: p.app.BankKeeper.GetSupply(ctx, computetypes.Denom).Amount, minted: e.Minted, slashed: math.ZeroInt()}
	g, err := p.app.ComputeKeeper.ExportGenesis(ctx)
	require.NoError(p.t, err)
	for _, s := range g.Slashes {
		l.slashed = l.slashed.Add(s.Amount)
	}
	return l
}

// watch adds what governance burns of deposits.
func (l *ledger) watch(event abci.Event) {
	if event.Type != banktypes.EventTypeCoinBurn {
		return
	}
	of := map[string]string{}
	for _, a := range event.Attributes {
		of[a.Key] = a.Value
	}
	if of[banktypes.AttributeKeyBurner] == authtypes.NewModuleAddress(computetypes.ModuleName).String() {
		return // a slash, of which x/compute keeps the evidence
	}
	if coins, err := sdk.ParseCoinsNormalized(of[sdk.AttributeKeyAmount]); err == nil {
		l.burned = l.burned.Add(coins.AmountOf(computetypes.Denom))
	}
}

// requireLedger: supply = genesis + emission - what was burned, to the last uemc.
func (p *play) requireLedger() {
	p.t.Helper()
	now, then := p.stand(), p.ledger
	want := then.supply.Add(now.minted.Sub(then.minted)).Sub(now.slashed.Sub(then.slashed)).Sub(then.burned)
	require.Equal(p.t, want.String(), now.supply.String(), "after block %d: supply = %s of the genesis + %s minted - %s slashed - %s burned by others",
		p.app.LastBlockHeight(), then.supply, now.minted.Sub(then.minted), now.slashed.Sub(then.slashed), then.burned)
}
