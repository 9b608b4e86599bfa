package app_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	abci "github.com/cometbft/cometbft/abci/types"
	dbm "github.com/cosmos/cosmos-db"
	"github.com/stretchr/testify/require"

	nftkeeper "github.com/cosmos/cosmos-sdk/contrib/x/nft/keeper"
	storetypes "github.com/cosmos/cosmos-sdk/store/v2/types"
	"github.com/cosmos/cosmos-sdk/types/kv"
	authzkeeper "github.com/cosmos/cosmos-sdk/x/authz/keeper"
	"github.com/cosmos/cosmos-sdk/x/feegrant"
	slashingtypes "github.com/cosmos/cosmos-sdk/x/slashing/types"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"

	"github.com/edgematrix/emc/app"
	computetypes "github.com/edgematrix/emc/x/compute/types"
	poctypes "github.com/edgematrix/emc/x/poc/types"
	sockettypes "github.com/edgematrix/emc/x/socket/types"
)

// exported is the genesis of a chain that goes on where the play stands.
func exported(t testing.TB, p *play) *abci.RequestInitChain {
	t.Helper()
	export, err := p.app.ExportAppStateAndValidators(false, nil, nil)
	require.NoError(t, err)
	return &abci.RequestInitChain{
		ChainId: simChain, Time: p.time, InitialHeight: export.Height, ConsensusParams: &export.ConsensusParams, AppStateBytes: export.AppState,
	}
}

// notExported are the parts of each store that an export leaves out, by their
// modules' own choice: queues that are built anew or that hold what is over, and
// what is counted from the first block on.
func notExported() map[string][][]byte {
	return map[string][][]byte{
		stakingtypes.StoreKey: {
			stakingtypes.UnbondingQueueKey, stakingtypes.RedelegationQueueKey, stakingtypes.ValidatorQueueKey, stakingtypes.HistoricalInfoKey,
			stakingtypes.UnbondingIDKey, stakingtypes.UnbondingIndexKey, stakingtypes.UnbondingTypeKey, stakingtypes.ValidatorUpdatesKey,
		},
		authzkeeper.StoreKey:   {authzkeeper.GrantQueuePrefix},
		feegrant.StoreKey:      {feegrant.FeeAllowanceQueueKeyPrefix},
		slashingtypes.StoreKey: {slashingtypes.ValidatorMissedBlockBitmapKeyPrefix},
		// A node's place among equal prices begins anew, and its next look at the
		// clock follows parameters that have changed meanwhile. What both are made
		// of is compared through the exports, index and agenda by the invariants.
		computetypes.StoreKey: {
			computetypes.NodesKey.Bytes(), computetypes.PriceIndexKey.Bytes(), computetypes.IndexHeadsKey.Bytes(), computetypes.AgendaKey.Bytes(),
		},
	}
}

// requireSameAfterImport exports the play's state, imports it into a new
// application, and compares the stores, key by key.
func requireSameAfterImport(t testing.TB, p *play) {
	t.Helper()
	genesis := exported(t, p)
	other := simulatedApp(t, dbm.NewMemDB(), nil)
	_, err := other.InitChain(genesis)
	require.NoError(t, err)
	here := p.context()
	ctx := other.NewContextLegacy(false, here.BlockHeader()) // what InitChain wrote, before the first block
	require.NoError(t, other.ComputeKeeper.CheckInvariants(ctx))
	require.NoError(t, other.PocKeeper.CheckInvariants(ctx))
	require.NoError(t, other.MarketKeeper.CheckInvariants(ctx))
	require.NoError(t, other.SocketKeeper.CheckInvariants(ctx))

	compared := 0
	for _, key := range p.app.GetStoreKeys() {
		name := key.Name()
		skip := notExported()[name]
		a, b := pairs(here.KVStore(key), skip), pairs(ctx.KVStore(other.GetKey(name)), skip)
		if name == nftkeeper.StoreKey {
			maps.DeleteFunc(a, emptyClass)
		}
		require.Empty(t, differences(p.app, name, a, b), "store %s", name)
		switch name {
		case poctypes.StoreKey:
			require.Greater(t, len(a), 10, "of x/poc nothing was compared")
		case sockettypes.StoreKey:
			require.Greater(t, len(a), 1, "of x/socket only the parameters were compared")
		}
		compared += len(a)
	}
	require.Greater(t, compared, 500, "nothing was compared")

	before, err := p.app.ComputeKeeper.ExportGenesis(here)
	require.NoError(t, err)
	after, err := other.ComputeKeeper.ExportGenesis(ctx)
	require.NoError(t, err)
	for _, g := range []*computetypes.GenesisState{before, after} {
		for i := range g.Nodes {
			g.Nodes[i].Listing = computetypes.Listing{}
		}
	}
	require.Equal(t, before.String(), after.String())
}

// emptyClass is x/nft's count of a class whose last NFT was burned: an import does
// not write a zero, which is read the same.
func emptyClass(key string, value []byte) bool {
	return strings.HasPrefix(key, string(nftkeeper.ClassTotalSupply)) && binary.BigEndian.Uint64(value) == 0
}

func pairs(store storetypes.KVStore, skip [][]byte) map[string][]byte {
	out := map[string][]byte{}
	iter := store.Iterator(nil, nil)
	defer iter.Close()
	for ; iter.Valid(); iter.Next() {
		if !slices.ContainsFunc(skip, func(prefix []byte) bool { return bytes.HasPrefix(iter.Key(), prefix) }) {
			out[string(iter.Key())] = iter.Value()
		}
	}
	return out
}

// differences says in words in what two stores differ, at most ten of them.
func differences(a *app.App, name string, left, right map[string][]byte) []string {
	var out []string
	note := func(key string, l, r []byte) {
		words := fmt.Sprintf("key %X: %X became %X", key, l, r)
		if decode, ok := a.SimulationManager().StoreDecoders[name]; ok && len(l) > 0 && len(r) > 0 {
			words += "\n" + decode(kv.Pair{Key: []byte(key), Value: l}, kv.Pair{Key: []byte(key), Value: r})
		}
		if len(out) < 10 {
			out = append(out, words)
		}
	}
	for key, l := range left {
		if r, ok := right[key]; !ok || !bytes.Equal(l, r) {
			note(key, l, r)
		}
	}
	for key, r := range right {
		if _, ok := left[key]; !ok {
			note(key, nil, r)
		}
	}
	return out
}
