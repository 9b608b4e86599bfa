#!/usr/bin/env bash
# Long random runs, outside CI, one after the other: CHECKS random lives of
# x/compute, SCHEDULES seeded schedules of kills over worker, chain and
# customer (test/soak), WINDOWS windows of the proof of computing while workers,
# validators and the network are killed and stalled (test/validators), SESSIONS
# schedules of calls, kills and lost messages between customer, nodes and routers
# (pkg/session), LOAD seconds of 256 streams through a router while its nodes are
# killed, KILLS kills of program, worker and router at every step of a call (both
# test/router), MESH runs of machines behind NAT with all that takes long (test/mesh;
# as root), and every fuzz target for FUZZTIME. A size of 0 leaves a part out. The
# summary goes to build/soak.json; the exit status is not 0 when any part found
# something. One schedule alone: SCHEDULES=1 SEED=n.
set -uo pipefail
cd "$(dirname "$0")/.."
export CGO_ENABLED=0
checks=${CHECKS:-20000} schedules=${SCHEDULES:-1000} windows=${WINDOWS:-200} sessions=${SESSIONS:-10000} load=${LOAD:-300} kills=${KILLS:-210} mesh=${MESH:-3} fuzztime=${FUZZTIME:-60s}
bin=${EMC_E2E_BIN:-$PWD/build} out=${SOAK_OUT:-$PWD/build/soak.json}
# A schedule that is repeated is looked at alone.
if [[ -n ${SEED:-} && $schedules == 1 ]]; then checks=${CHECKS:-0} windows=${WINDOWS:-0} sessions=${SESSIONS:-0} load=${LOAD:-0} kills=${KILLS:-0} mesh=${MESH:-0} fuzztime=${FUZZTIME:-0}; fi
parts=$(mktemp -d)
trap 'rm -rf "$parts"' EXIT
mkdir -p build
rm -f "$out" build/soak-schedules.json
status=0

printf '{}' >"$parts/schedules.json"
lives=null proofs=null calls=null streams=null deaths=null nats=null fuzz=null
if [[ $checks != 0 ]]; then
  echo "random lives of x/compute: $checks"
  begin=$(date +%s) findings=0
  go test ./x/compute/keeper -run 'TestRandomLife' -rapid.checks="$checks" -count 1 -timeout 6h || findings=1 status=1
  lives="{\"checks\":$checks,\"findings\":$findings,\"seconds\":$(($(date +%s) - begin))}"
fi
if [[ $schedules != 0 ]]; then
  echo "schedules of kills: $schedules"
  keep=${SOAK_DIR:-$PWD/build/soak-homes}
  rm -rf "$keep"
  EMC_E2E_BIN=$bin EMC_SOAK_SCHEDULES=$schedules EMC_SOAK_SEED=${SEED:-} EMC_SOAK_LANES=${LANES:-} EMC_SOAK_DIR=$keep \
    EMC_SOAK_OUT=$PWD/build/soak-schedules.json go test ./test/soak -run '^TestSchedules$' -v -count 1 -timeout 12h || status=1
  # Homes and logs are kept only where there is something to look for.
  if [[ $status == 0 ]]; then rm -rf "$keep"; fi
  if [[ -s build/soak-schedules.json ]]; then cp build/soak-schedules.json "$parts/schedules.json"; fi
fi
if [[ $windows != 0 ]]; then
  echo "windows under faults: $windows"
  rm -f build/soak-windows.json
  EMC_E2E_BIN=$bin EMC_WINDOWS=$windows EMC_WINDOWS_SEED=${SEED:-} EMC_WINDOWS_OUT=$PWD/build/soak-windows.json \
    go test ./test/validators -run '^TestWindowsUnderFaults$' -v -count 1 -timeout 12h || status=1
  if [[ -s build/soak-windows.json ]]; then proofs=$(cat build/soak-windows.json); fi
fi
if [[ $sessions != 0 ]]; then
  echo "schedules of calls: $sessions"
  rm -f build/soak-sessions.json
  EMC_SESSION_SCHEDULES=$sessions SEED=${SEED:-1} EMC_SESSION_OUT=$PWD/build/soak-sessions.json \
    go test ./pkg/session -run '^TestSchedules$' -v -count 1 -timeout 12h || status=1
  if [[ -s build/soak-sessions.json ]]; then calls=$(cat build/soak-sessions.json); fi
fi
if [[ $load != 0 ]]; then
  echo "load on a router: $load s"
  rm -f build/soak-load.json
  EMC_E2E_BIN=$bin EMC_ROUTER_LOAD_SECONDS=$load EMC_ROUTER_LOAD_OUT=$PWD/build/soak-load.json \
    go test ./test/router -run '^TestLoad$' -v -count 1 -timeout 12h || status=1
  if [[ -s build/soak-load.json ]]; then streams=$(cat build/soak-load.json); fi
fi
if [[ $kills != 0 ]]; then
  echo "kills at every step of a call: $kills"
  rm -f build/soak-kills.json
  EMC_E2E_BIN=$bin EMC_ROUTER_KILLS=$kills EMC_ROUTER_KILLS_SEED=${SEED:-1} EMC_ROUTER_KILLS_OUT=$PWD/build/soak-kills.json \
    go test ./test/router -run '^TestKilledAtEveryStep$' -v -count 1 -timeout 12h || status=1
  if [[ -s build/soak-kills.json ]]; then deaths=$(cat build/soak-kills.json); fi
fi
if [[ $mesh != 0 ]]; then
  echo "machines behind NAT: $mesh"
  begin=$(date +%s) findings=0
  EMC_E2E_BIN=$bin EMC_MESH_LONG=1 EMC_REQUIRE_NETLAB=1 go test ./test/mesh -run '^TestMesh$' -v -count "$mesh" -timeout 12h || findings=1 status=1
  nats="{\"runs\":$mesh,\"findings\":$findings,\"seconds\":$(($(date +%s) - begin))}"
fi
if [[ $fuzztime != 0 && -x scripts/fuzz.sh ]]; then
  echo "fuzzing: $fuzztime each"
  rm -f build/fuzz.json
  scripts/fuzz.sh "$fuzztime" || status=1
  if [[ -s build/fuzz.json ]]; then fuzz=$(cat build/fuzz.json); fi
fi
# One object: the schedules' report, and the other parts beside it.
body=$(sed -e '1s/^{//' -e '$s/}$//' "$parts/schedules.json")
printf '{%s%s"random_lives":%s,"windows":%s,"sessions":%s,"router_load":%s,"router_kills":%s,"mesh":%s,"fuzz":%s,"status":%d}\n' "$body" "${body:+,}" "$lives" "$proofs" "$calls" "$streams" "$deaths" "$nats" "$fuzz" "$status" >"$out"
cat "$out"
exit "$status"
