package app_test

import (
	"fmt"
	"testing"

	abci "github.com/cometbft/cometbft/abci/types"
	dbm "github.com/cosmos/cosmos-db"
	"github.com/stretchr/testify/require"

	"github.com/cosmos/cosmos-sdk/server"
	serverconfig "github.com/cosmos/cosmos-sdk/server/config"

	"github.com/edgematrix/emc/app"
	poctypes "github.com/edgematrix/emc/x/poc/types"
)

// shadow is an application that is shown the blocks of another.
type shadow struct {
	name    string
	options map[string]any
	// restart opens the application again from its database after so many blocks; 0 never.
	restart int64
	// simulates has somebody ask for a simulation of every transaction first.
	simulates bool

	db  dbm.DB
	app *app.App
}

func (s *shadow) begin(t *testing.T, genesis *abci.RequestInitChain, first *abci.RequestFinalizeBlock) {
	t.Helper()
	s.db = dbm.NewMemDB()
	s.app = simulatedApp(t, s.db, s.options)
	_, err := s.app.InitChain(genesis)
	require.NoError(t, err)
	s.follow(t, first)
}

// follow executes a block and returns the hash it comes to.
func (s *shadow) follow(t *testing.T, block *abci.RequestFinalizeBlock) string {
	t.Helper()
	if s.simulates {
		for _, raw := range block.Txs { // many fail: they count on those before them
			_, _, _ = s.app.Simulate(raw)
		}
	}
	response, err := s.app.FinalizeBlock(block)
	require.NoError(t, err, s.name)
	_, err = s.app.Commit()
	require.NoError(t, err, s.name)
	if s.restart > 0 && block.Height%s.restart == 0 {
		require.NoError(t, s.app.Close())
		s.app = simulatedApp(t, s.db, s.options)
		require.Equal(t, block.Height, s.app.LastBlockHeight(), s.name)
	}
	return fmt.Sprintf("%x", response.AppHash)
}

// Beside an application that checks every transaction before its block run one
// that never saw CheckTx, one that is restarted again and again, one that
// simulates, and one that executes in parallel. All come to the same hash after
// every block: nothing that matters lives outside the committed state.
func TestShadowApps(t *testing.T) {
	parallel := map[string]any{server.FlagBlockExecutor: serverconfig.BlockExecutorBlockSTM, server.FlagBlockSTMWorkers: 4}
	shadows := []*shadow{
		{name: "never saw CheckTx"},
		{name: "restarted", restart: 3},
		{name: "parallel, restarted", options: parallel, restart: 7},
		{name: "asked to simulate", simulates: true},
	}
	p := newPlay(t, 9, nil)
	p.checkTx = true
	for _, s := range shadows {
		s.begin(t, p.genesis, &abci.RequestFinalizeBlock{Height: 1, Time: p.time})
	}
	p.onBlock = func(request *abci.RequestFinalizeBlock, response *abci.ResponseFinalizeBlock) {
		for _, s := range shadows {
			require.Equal(t, fmt.Sprintf("%x", response.AppHash), s.follow(t, request), "%s, after block %d", s.name, request.Height)
		}
		if request.Height%5 == 0 {
			p.requireInvariants()
		}
	}
	p.live(60, 300, 40)
	p.requireInvariants()
	p.requireLife()
	for _, phase := range []poctypes.Phase{poctypes.PHASE_OPEN, poctypes.PHASE_REVEAL} {
		require.True(t, p.into(phase, 200, 14), "no window in %s", phase)
		requireSameAfterImport(t, p)
	}
}
