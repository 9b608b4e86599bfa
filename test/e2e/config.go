package e2e

import (
	"fmt"
	"strings"
)

// customers is how many keys with money a network has.
const customers = 64

// purse is what each has, in uemc.
const purse = 1_000_000_000

// Windows of the test networks, in seconds. Those that a test waits out are
// short, but long enough for a busy machine; the others are longer.
const (
	ackWindow     = 20
	inputWindow   = 15
	startWindow   = 30
	receiptWindow = 30
	acceptWindow  = 12
	unbonding     = 20
	// missedStart is also seen before it is over.
	missedStart = 20
)

// config is a config.yml with short windows and many customers. Blocks come twice
// as fast as elsewhere: every step of a job waits for one, and windows are counted in seconds.
func config() string {
	var b strings.Builder
	b.WriteString("version: 1\naccounts:\n")
	account := func(name, coins string) { fmt.Fprintf(&b, "  - {name: %s, coins: [%q]}\n", name, coins) }
	account("validator", "1000000emc")
	account("faucet", "100000000emc")
	account("owner", "1000emc")
	for i := range customers {
		account(customerKey(i), fmt.Sprintf("%duemc", purse))
	}
	fmt.Fprintf(&b, `faucet:
  name: faucet
  coins: ["100emc"]
  coins_max: ["1000emc"]
  port: 4500
  rates: {address: 600, ip: 6000, global: 6000}
validators:
  - name: validator
    bonded: "500000emc"
    app:
      api: {enable: true}
      grpc: {enable: true}
      minimum-gas-prices: "0.01uemc"
    config:
      consensus: {timeout_commit: "500ms"}
genesis:
  chain_id: emc-e2e-1
  app_state:
    compute:
      params:
        online_seconds: "180"
        unbonding_seconds: "%d"
        acknowledge_seconds: "%d"
        input_seconds: "%d"
        start_seconds: "%d"
        receipt_seconds: "%d"
        acceptance_seconds: "%d"
        job_retention_seconds: "3600"
        missed_start_seconds: "%d"
`, unbonding, ackWindow, inputWindow, startWindow, receiptWindow, acceptWindow, missedStart)
	return b.String()
}

func customerKey(i int) string { return fmt.Sprintf("c%02d", i) }
