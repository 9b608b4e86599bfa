package cheaters

// config is a network whose windows come about every 14 seconds. It leaves two
// seconds for a commitment to get into a block (whoever replays another's begins
// when that one is there), and six for the proofs. A node in jail stays there: its
// end is what the test looks at.
const config = `version: 1
accounts:
  - {name: validator, coins: ["1000000emc"]}
  - {name: faucet, coins: ["100000000emc"]}
  - {name: alice, coins: ["1000emc"]}
faucet:
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
      consensus: {timeout_commit: "1s"}
genesis:
  chain_id: emc-cheaters-1
  app_state:
    poc:
      params:
        key_delay_blocks: "10"
        window_gap_blocks: "12"
        window_mean_blocks: "2"
        window_blocks: "5"
        window_milliseconds: "15000"
        draw_blocks: "30"
        reveal_blocks: "6"
        power_windows: 9
        max_silent: 3
        silent_jail_seconds: "86400"
        wrong_jail_seconds: "86400"
        stake_per_e: {denom: uemc, amount: "10000000"}
        target_power: "100000000"
`
