package wallets

import (
	"fmt"
	"strings"
)

// chainID of the test's network.
const chainID = "emc-wallets-1"

// purse is what each wallet has.
const purse = "1000emc"

// config is a network that a web page may ask, as config.yml's is, with quick
// blocks, votes and windows.
func config(validator *key, purses []*key) string {
	var b strings.Builder
	fmt.Fprintf(&b, "version: 1\naccounts:\n  - {name: validator, coins: [1000000emc], mnemonic: %q}\n", validator.mnemonic)
	for i, k := range purses {
		fmt.Fprintf(&b, "  - {name: wallet%d, coins: [%s], address: %s}\n", i, purse, k.address)
	}
	fmt.Fprintf(&b, `validators:
  - name: validator
    bonded: "500000emc"
    app:
      api: {enable: true, enabled-unsafe-cors: true}
      minimum-gas-prices: "0.01uemc"
    config:
      consensus: {timeout_commit: "500ms"}
      rpc: {cors_allowed_origins: ["*"]}
genesis:
  chain_id: %s
  app_state:
    gov:
      params:
        min_deposit: [{denom: uemc, amount: "10000000"}]
        expedited_min_deposit: [{denom: uemc, amount: "50000000"}]
        # A wallet's own vote is enough.
        quorum: "0.000001"
        voting_period: 20s
        expedited_voting_period: 10s
    poc:
      params:
        # The validator's new beacon key never takes the place of the one that its node has.
        key_delay_blocks: "1000000"
        window_gap_blocks: "24"
        window_mean_blocks: "1"
        window_blocks: "10"
        window_milliseconds: "60000"
        draw_blocks: "20"
        reveal_blocks: "10"
        # One window gives power to sell.
        power_windows: 1
        wrong_jail_seconds: "1"
        stake_per_e: {denom: uemc, amount: "10000000"}
        target_power: "1"
`, chainID)
	return b.String()
}
