package localnet

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/cosmos/cosmos-sdk/crypto/keyring"

	"github.com/edgematrix/emc/pkg/amount"
)

// summary prints what somebody needs to use the network.
func summary(out io.Writer, info Info, cfg Config, ring keyring.Keyring) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	defer func() { _ = w.Flush() }() // a summary nobody can read is no reason to stop
	row := func(name, value string) { fmt.Fprintf(w, "  %s\t%s\n", name, value) }

	fmt.Fprintln(w, "\nEMC local network")
	row("chain id", info.ChainID)
	row("RPC", info.RPC)
	row("REST", info.REST+"  (API at "+info.REST+"/docs)")
	row("gRPC", info.GRPC)
	if info.Faucet != "" {
		row("faucet", info.Faucet)
	}
	row("home", info.Home)

	fmt.Fprintln(w, "\nAccounts (public keys of a development network: never use them elsewhere)")
	for _, account := range cfg.Accounts {
		address := account.Address
		if record, err := ring.Key(account.Name); err == nil {
			if got, err := record.GetAddress(); err == nil {
				address = got.String()
			}
		}
		fmt.Fprintf(w, "  %s\t%s\t%s\n", account.Name, address, amount.FormatCoins(cfg.balances[account.Name]))
	}
	fmt.Fprintf(w, "\nTry\n  emcd --home %s query bank balances alice\n", info.Home)
	fmt.Fprintf(w, "  emcd --home %s tx bank send alice bob 0.5emc\n", info.Home)
	if info.Faucet != "" {
		fmt.Fprintf(w, "  curl -d '{\"address\":\"emc1…\"}' %s/credit\n", info.Faucet)
	}
	fmt.Fprintln(w, "\nCtrl-C stops the network; its state is kept. --reset starts over.")
}
