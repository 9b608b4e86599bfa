#!/usr/bin/env bash
# A local network with a worker and a router, up until Ctrl-C. Its state is kept in
# build/localnet; RESET=1 starts over. EMC_ROUTER_GATEWAY_LISTEN=127.0.0.1:PORT moves the gateway off 8080.
set -euo pipefail
set -m # each program gets a process group of its own: Ctrl-C reaches this script alone, which stops them in order
cd "$(dirname "$0")/.."
net=build/localnet worker=build/localnet-worker router=build/localnet-router
network_pid='' worker_pid='' router_pid='' tail_pid=''

stop() {
  trap - EXIT
  trap '' INT TERM HUP
  for pid in $tail_pid $router_pid $worker_pid $network_pid; do
    kill -INT "$pid" 2>/dev/null || true
    [[ $pid == "$tail_pid" ]] && kill "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  echo "stopped; the state is kept in $net, $worker and $router (RESET=1 starts over)"
}
trap stop EXIT
trap 'exit 0' INT TERM HUP

# await LOG PID: waits for the program's line "ready", shows what it said.
await() {
  until grep -q '^ready' "$1"; do
    if ! kill -0 "$2" 2>/dev/null; then
      cat "$1" >&2
      echo "it ended before it was ready" >&2
      exit 1
    fi
    sleep 0.1
  done
}

mkdir -p build
if [[ -n ${RESET:-} ]]; then rm -rf "$net" "$worker" "$router"; fi
build/emcd localnet start --home "$net" --config config.yml ${LOCALNET_FLAGS:-} >build/localnet.log 2>&1 &
network_pid=$!
await build/localnet.log $network_pid
grep -v -e '^ready' -e '^Ctrl-C' build/localnet.log

# A network that started over does not know the old worker and router.
genesis=$(cksum <"$net/config/genesis.json")
for home in "$worker" "$router"; do
  if [[ -d $home && $(cat "$home/.genesis" 2>/dev/null) != "$genesis" ]]; then rm -rf "$home"; fi
done
build/emc-worker up --localnet "$net" --home "$worker" >build/localnet-worker.log 2>&1 &
worker_pid=$!
await build/localnet-worker.log $worker_pid
echo "$genesis" >"$worker/.genesis"
grep '^ready' build/localnet-worker.log | sed 's/^ready */worker  /'
build/emc-router up --localnet "$net" --home "$router" >build/localnet-router.log 2>&1 &
router_pid=$!
await build/localnet-router.log $router_pid
echo "$genesis" >"$router/.genesis"
grep '^ready' build/localnet-router.log | sed 's/^ready *router */router  /'
gateway=$(sed -n 's/^ready.* base URL \(.*\)\/v1$/\1/p' build/localnet-router.log | tail -n 1)

digest=$(sha256sum build/charlm.wasm | cut -d' ' -f1)
cat <<WORDS

Try, in another terminal here
  build/emcd --home $net tx compute register-app charlm wasm $digest --interface batch --from alice --yes
  build/emcd --home $net job run --app charlm --app-file build/charlm.wasm --input README.md --from alice --yes -- train --input /in/README.md --min-margin 0
  build/emc-worker --home $worker status

Have the trained model answer any OpenAI client: OUTPUT is the folder that the job names
  build/emcd --home $net tx compute register-app my-model wasm $digest --interface openai --unit token --comparison exact --from alice --yes
  build/emc-worker --home $worker app add build/charlm.wasm
  build/emc-worker --home $worker service add my-model --price 10uemc --input OUTPUT/weights.bin -- serve --weights /in/weights.bin
  build/emc-router --home $router status
  build/emcd --home $net session open 5emc --router $gateway --from alice
  curl $gateway/v1/chat/completions -H "Authorization: Bearer \$KEY" -d '{"model":"my-model","max_tokens":64,"messages":[{"role":"user","content":"The "}]}'

Ctrl-C stops all. The worker's log follows.
WORDS
tail -n 0 -F build/localnet-worker.log 2>/dev/null &
tail_pid=$!
# Whichever of the three ends first ends all.
while kill -0 $network_pid 2>/dev/null && kill -0 $worker_pid 2>/dev/null && kill -0 $router_pid 2>/dev/null; do sleep 0.5; done
echo "the network, the worker or the router ended by itself; see build/localnet.log, build/localnet-worker.log and build/localnet-router.log" >&2
exit 1
