package cmd

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	gogoproto "github.com/cosmos/gogoproto/proto"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/cosmos/cosmos-sdk/client/flags"
)

func walk(cmd *cobra.Command, visit func(*cobra.Command)) {
	visit(cmd)
	for _, sub := range cmd.Commands() {
		walk(sub, visit)
	}
}

// Every message and query of our modules can be typed, but for the change of
// parameters, which governance proposes as JSON.
func TestEveryMethodIsACommand(t *testing.T) {
	root := NewRootCmd()
	found := 0
	gogoproto.HybridResolver.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		parts := strings.Split(string(file.Package()), ".")
		if parts[0] != "emc" || len(parts) < 2 {
			return true
		}
		for i := range file.Services().Len() {
			service := file.Services().Get(i)
			group := map[protoreflect.Name]string{"Msg": "tx", "Query": "query"}[service.Name()]
			module, _, err := root.Find([]string{group, parts[1]})
			require.NoError(t, err)
			commands := len(module.Commands())
			methods := service.Methods().Len()
			if service.Methods().ByName("UpdateParams") != nil {
				methods--
			}
			require.GreaterOrEqual(t, commands, methods, "%s has fewer commands than %s has methods", module.CommandPath(), service.FullName())
			found += methods
		}
		return true
	})
	require.Positive(t, found)
}

// A new command whose flag holds money as text must not escape the common parser.
func TestAmountFlagsAreKnown(t *testing.T) {
	known := append(amountFlags(), priceFlags()...)
	money := regexp.MustCompile(`(amount|deposit|limit|fees|prices?|tip|coins|bonded)$`)
	others := []string{"gas-limit", "query-gas-limit", "page-limit", "limit"}
	walk(NewRootCmd(), func(cmd *cobra.Command) {
		if strings.HasPrefix(cmd.CommandPath(), "emcd testnet") || strings.HasPrefix(cmd.CommandPath(), "emcd localnet") {
			return // they parse theirs themselves
		}
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if f.Value.Type() != "string" || !money.MatchString(f.Name) || slices.Contains(others, f.Name) {
				return
			}
			require.Contains(t, known, f.Name, "%s --%s: add it to amountFlags", cmd.CommandPath(), f.Name)
		})
	})
}

// Only commands that build a transaction get fees offered.
func TestOfferFees(t *testing.T) {
	root := NewRootCmd()
	for path, want := range map[string]bool{
		"tx bank send": true, "tx compute submit-job": true, "tx sign": false, "tx broadcast": false,
		"genesis gentx": false, "query bank balances": false, "start": false,
	} {
		cmd, _, err := root.Find(strings.Fields(path))
		require.NoError(t, err)
		require.Equal(t, want, sendsTx(cmd), path)
	}
	cmd, _, err := root.Find([]string{"tx", "bank", "send"})
	require.NoError(t, err)
	require.NoError(t, cmd.Flags().Set(flags.FlagFees, "5uemc"))
	require.NoError(t, offerFees(cmd))
	require.Empty(t, cmd.Flag(flags.FlagGasPrices).Value.String(), "what is given is left alone")
	require.Equal(t, flags.GasFlagAuto, cmd.Flag(flags.FlagGas).Value.String())
}
