package app_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/stretchr/testify/require"

	"github.com/cosmos/cosmos-sdk/server"
	serverconfig "github.com/cosmos/cosmos-sdk/server/config"
	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/tx/signing"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"
	banktypes "github.com/cosmos/cosmos-sdk/x/bank/types"
	genutiltypes "github.com/cosmos/cosmos-sdk/x/genutil/types"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"

	"github.com/edgematrix/emc/app"
	"github.com/edgematrix/emc/app/apptest"
	"github.com/edgematrix/emc/app/params"
	"github.com/edgematrix/emc/pkg/amount"
)

// update reports whether the golden files are to be rewritten: with -update,
// which a package of the SDK's tests has defined already.
func update() bool {
	f := flag.Lookup("update")
	return f != nil && f.Value.String() == "true"
}

// golden compares lines with a file of testdata.
func golden(t *testing.T, name string, lines []string) {
	t.Helper()
	got := strings.Join(lines, "\n") + "\n"
	path := filepath.Join("testdata", name)
	if update() {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err, "go test ./app -update writes it")
	require.Equal(t, string(want), got, "if the change is meant, run go test ./app -update")
}

func uemc(n int64) sdk.Coins { return sdk.NewCoins(sdk.NewInt64Coin(params.BaseDenom, n)) }

func TestChainRuns(t *testing.T) {
	c := apptest.New(t, apptest.Options{})
	alice, bob := c.Accounts[1], c.Accounts[2]
	before := c.BankKeeper.GetBalance(c.Context(), bob.Address, params.BaseDenom)

	for _, mode := range []signing.SignMode{signing.SignMode_SIGN_MODE_DIRECT, signing.SignMode_SIGN_MODE_LEGACY_AMINO_JSON} {
		tx := c.Sign(alice, mode, 200_000, banktypes.NewMsgSend(alice.Address, bob.Address, uemc(1_000)))
		result := c.NextBlock(tx).TxResults[0]
		require.Equal(t, abci.CodeTypeOK, result.Code, "%s: %s", mode, result.Log)
	}
	after := c.BankKeeper.GetBalance(c.Context(), bob.Address, params.BaseDenom)
	require.Equal(t, "2000"+params.BaseDenom, after.Sub(before).String())
}

// Fees are collected apart within a block and reach the fee collector, from
// where the next block shares them out; none of them gets lost.
func TestFeesAreKept(t *testing.T) {
	c := apptest.New(t, apptest.Options{})
	supply := c.BankKeeper.GetSupply(c.Context(), params.BaseDenom)
	alice, bob := c.Accounts[1], c.Accounts[2]
	c.Deliver(alice, banktypes.NewMsgSend(alice.Address, bob.Address, uemc(5)))

	collector := authtypes.NewModuleAddress(authtypes.FeeCollectorName)
	require.Equal(t, "10001uemc", c.BankKeeper.GetBalance(c.Context(), collector, params.BaseDenom).String())
	c.NextBlock()
	require.True(t, c.BankKeeper.GetBalance(c.Context(), collector, params.BaseDenom).IsZero())
	require.Equal(t, supply, c.BankKeeper.GetSupply(c.Context(), params.BaseDenom))

	total := sdk.NewCoins()
	c.BankKeeper.IterateAllBalances(c.Context(), func(_ sdk.AccAddress, coin sdk.Coin) bool {
		total = total.Add(coin)
		return false
	})
	require.Equal(t, supply.String(), total.String())
}

// Both executors come to the same hash, or a network with both would split.
func TestExecutorsAgree(t *testing.T) {
	hashes := map[string][]string{}
	for _, executor := range []string{serverconfig.BlockExecutorSequential, serverconfig.BlockExecutorBlockSTM} {
		c := apptest.New(t, apptest.Options{
			Accounts:   12,
			AppOptions: map[string]any{server.FlagBlockExecutor: executor, server.FlagBlockSTMWorkers: 4},
		})
		for block := range 3 {
			var txs [][]byte
			for i, from := range c.Accounts {
				to := c.Accounts[(i+1+block)%len(c.Accounts)]
				txs = append(txs, c.Sign(from, signing.SignMode_SIGN_MODE_DIRECT, 200_000,
					banktypes.NewMsgSend(from.Address, to.Address, uemc(int64(10+i)))))
			}
			// One that fails must fail alike.
			txs = append(txs, c.Sign(c.Accounts[1], signing.SignMode_SIGN_MODE_DIRECT, 200_000,
				banktypes.NewMsgSend(c.Accounts[1].Address, c.Accounts[2].Address, uemc(1e18))))
			response := c.NextBlock(txs...)
			hashes[executor] = append(hashes[executor], fmt.Sprintf("%x", response.AppHash))
			require.Equal(t, abci.CodeTypeOK, response.TxResults[0].Code, response.TxResults[0].Log)
			require.NotEqual(t, abci.CodeTypeOK, response.TxResults[len(txs)-1].Code)
		}
	}
	require.Equal(t, hashes[serverconfig.BlockExecutorSequential], hashes[serverconfig.BlockExecutorBlockSTM])
}

// What is exported can be started, and exports the same again.
func TestExportImport(t *testing.T) {
	c := apptest.New(t, apptest.Options{})
	alice, bob := c.Accounts[1], c.Accounts[2]
	operator := sdk.ValAddress(c.Accounts[0].Address).String()
	c.Deliver(alice, banktypes.NewMsgSend(alice.Address, bob.Address, uemc(77)))
	c.Deliver(bob, stakingtypes.NewMsgDelegate(bob.Address.String(), operator, uemc(5_000_000)[0]))
	c.Deliver(bob, stakingtypes.NewMsgUndelegate(bob.Address.String(), operator, uemc(1_000_000)[0]))
	c.NextBlock() // shares out the fees of the last

	for _, zero := range []bool{false, true} {
		t.Run(fmt.Sprintf("zero height %t", zero), func(t *testing.T) {
			first, err := c.ExportAppStateAndValidators(zero, nil, nil)
			require.NoError(t, err)
			genesis := *c.Genesis
			genesis.AppState, genesis.InitialHeight = first.AppState, max(first.Height, 1)
			genesis.GenesisTime = c.Time
			genesis.Consensus = genutiltypes.NewConsensusGenesis(first.ConsensusParams, first.Validators)

			again := apptest.NewApp(t, nil)
			apptest.InitChain(t, again, &genesis)
			_, err = again.FinalizeBlock(&abci.RequestFinalizeBlock{Height: genesis.InitialHeight, Time: c.Time})
			require.NoError(t, err)
			_, err = again.Commit()
			require.NoError(t, err)

			second, err := again.ExportAppStateAndValidators(false, nil, nil)
			require.NoError(t, err)
			var was, is map[string]json.RawMessage
			require.NoError(t, json.Unmarshal(first.AppState, &was))
			require.NoError(t, json.Unmarshal(second.AppState, &is))
			for _, name := range []string{"auth", "bank", "staking", "gov", "compute", "market", "socket", "nft", "feegrant", "authz", "transfer"} {
				if zero && name == "bank" {
					continue // rewards were paid out after the state was read
				}
				require.JSONEq(t, string(was[name]), string(is[name]), name)
			}
			require.Equal(t, total(t, c.App, c.Context()), total(t, again, again.NewContext(true)))
		})
	}
}

func total(t *testing.T, a *app.App, ctx sdk.Context) string {
	t.Helper()
	return a.BankKeeper.GetSupply(ctx, params.BaseDenom).String()
}

func TestGoldenModuleAccounts(t *testing.T) {
	var lines []string
	for name, permissions := range app.ModuleAccounts() {
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s %s", name, authtypes.NewModuleAddress(name), strings.Join(permissions, ","))))
	}
	sort.Strings(lines)
	golden(t, "module_accounts.golden", lines)
}

func TestGoldenMessages(t *testing.T) {
	c := apptest.NewApp(t, nil)
	urls := c.InterfaceRegistry().ListImplementations(sdk.MsgInterfaceProtoName)
	sort.Strings(urls)
	for _, url := range urls {
		require.NotContains(t, url, "vesting", "anyone could occupy an escrow's address in advance")
	}
	golden(t, "messages.golden", urls)
}

// The default genesis changes only when somebody means it. x/compute's is its own
// module's business.
func TestGoldenGenesis(t *testing.T) {
	genesis := apptest.NewApp(t, nil).DefaultGenesis()
	delete(genesis, "compute")
	text, err := json.MarshalIndent(genesis, "", "  ")
	require.NoError(t, err)
	golden(t, "genesis.golden.json", []string{string(text)})
}

func TestGoldenStores(t *testing.T) {
	var names []string
	for _, key := range apptest.NewApp(t, nil).GetStoreKeys() {
		names = append(names, key.Name())
	}
	sort.Strings(names)
	golden(t, "stores.golden", names)
}

// Only governance may be paid among the module accounts.
func TestBlockedAddresses(t *testing.T) {
	c := apptest.New(t, apptest.Options{})
	alice := c.Accounts[1]
	blocked := app.BlockedAddresses()
	for name := range app.ModuleAccounts() {
		address := authtypes.NewModuleAddress(name)
		result := c.NextBlock(c.Sign(alice, signing.SignMode_SIGN_MODE_DIRECT, 200_000,
			banktypes.NewMsgSend(alice.Address, address, uemc(1)))).TxResults[0]
		require.Equal(t, blocked[address.String()], result.Code != abci.CodeTypeOK, "%s: %s", name, result.Log)
	}
}

// No module's default genesis still counts in the SDK's coin.
func TestDefaultGenesisDenominations(t *testing.T) {
	c := apptest.NewApp(t, nil)
	for name, state := range c.DefaultGenesis() {
		require.NotContains(t, string(state), `"stake"`, name)
	}
	require.NoError(t, app.DenomMetadata().Validate())
	require.Equal(t, amount.BaseDenom, sdk.DefaultBondDenom)
}
