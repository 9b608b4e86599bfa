package cmd

import (
	"github.com/spf13/cobra"

	"github.com/cosmos/cosmos-sdk/client/flags"

	"github.com/edgematrix/emc/app/params"
)

// gasMargin is added to the simulated gas: the state may differ a little by the
// time the transaction runs.
const gasMargin = "1.5"

// offerFees lets a transaction be sent as it is typed: without --fees and
// --gas-prices it pays the default price, without --gas the gas is measured by
// a simulation. What is given is left alone.
func offerFees(cmd *cobra.Command) error {
	if !sendsTx(cmd) {
		return nil
	}
	set := cmd.Flags()
	if !set.Changed(flags.FlagFees) && !set.Changed(flags.FlagGasPrices) {
		if err := set.Set(flags.FlagGasPrices, params.MinGasPrice); err != nil {
			return err
		}
	}
	// A simulation needs the node and the signer's public key.
	for _, name := range []string{flags.FlagOffline, flags.FlagGenerateOnly, flags.FlagAux, flags.FlagDryRun} {
		if on, err := set.GetBool(name); err == nil && on {
			return nil
		}
	}
	if set.Changed(flags.FlagGas) {
		return nil
	}
	if err := set.Set(flags.FlagGas, flags.GasFlagAuto); err != nil {
		return err
	}
	if set.Changed(flags.FlagGasAdjustment) {
		return nil
	}
	return set.Set(flags.FlagGasAdjustment, gasMargin)
}

// sendsTx reports whether cmd builds a new transaction: those of the modules
// do (emcd tx MODULE …), the tools beside them (emcd tx sign) work on a finished
// one, and a genesis transaction pays no fee.
func sendsTx(cmd *cobra.Command) bool {
	if cmd.Flags().Lookup(flags.FlagGasPrices) == nil || cmd.Flags().Lookup(flags.FlagGas) == nil {
		return false
	}
	parent := cmd.Parent()
	if parent == nil || parent.Name() == "tx" {
		return false
	}
	for ; parent != nil; parent = parent.Parent() {
		if parent.Name() == "genesis" {
			return false
		}
	}
	return true
}
