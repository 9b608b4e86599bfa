package soak

import (
	"fmt"
	"strings"
)

// The network's windows in seconds. None is shorter than Patience, and all
// leave a loaded machine time for a start and a transaction; some blows last
// longer, so that each window is also seen to end.
const (
	ackWindow     = 20
	inputWindow   = 20
	startWindow   = 20
	receiptWindow = 40
	acceptWindow  = 12
	// retention is long enough for a worker that was away to hear of its pay, and
	// short enough to keep lists short.
	retention = 240
)

// Money, in uemc. The worker's price is high enough that seconds show in the bill.
const (
	purse          = 100_000_000_000
	minimumFee     = 5_000
	reservationFee = 2_500
	workerPrice    = "36emc"
	// blockTime is the pause between blocks.
	blockTime = "200ms"
)

// customerKey names a customer of a lane.
func customerKey(lane, i int) string { return fmt.Sprintf("lane%02d-%d", lane, i) }

// config is the network's config.yml.
func config(lanes, customers int) string {
	var b strings.Builder
	b.WriteString("version: 1\naccounts:\n")
	account := func(name, coins string) { fmt.Fprintf(&b, "  - {name: %s, coins: [%q]}\n", name, coins) }
	account("validator", "1000000emc")
	account("faucet", "100000000emc")
	account("owner", "1000emc")
	for lane := range lanes {
		for i := range customers {
			account(customerKey(lane, i), fmt.Sprintf("%duemc", int64(purse)))
		}
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
      consensus: {timeout_commit: %q}
genesis:
  chain_id: emc-soak-1
  app_state:
    compute:
      params:
        online_seconds: "60"
        unbonding_seconds: "10"
        job_min_fee: {denom: uemc, amount: "%d"}
        job_reservation_fee: {denom: uemc, amount: "%d"}
        acknowledge_seconds: "%d"
        input_seconds: "%d"
        start_seconds: "%d"
        receipt_seconds: "%d"
        acceptance_seconds: "%d"
        job_retention_seconds: "%d"
        missed_start_seconds: "2"
        max_suspension_seconds: "4"
`, blockTime, minimumFee, reservationFee, ackWindow, inputWindow, startWindow, receiptWindow, acceptWindow, retention)
	return b.String()
}
