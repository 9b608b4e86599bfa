#!/usr/bin/env bash
# Measures the published figures into build/bench.json. Arguments go to the
# program: -only live measures one group.
set -euo pipefail
cd "$(dirname "$0")/.."
export CGO_ENABLED=0
mkdir -p build
go build -o build/bench-run ./test/bench
test/bench/reference/build.sh build
exec build/bench-run -bin build -out build/bench.json "$@"
