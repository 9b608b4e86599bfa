#!/usr/bin/env bash
# The main job on real input: a network, a worker, a paid training run, and text
# that the trained model writes. An own UTF-8 text may be given as the argument.
set -euo pipefail
here=$PWD
cd "$(dirname "$0")/.."
input=${1:-}
if [[ -n $input && $input != /* && -e $here/$input ]]; then input=$here/$input; fi
export CGO_ENABLED=0
mkdir -p build
go build -o build/demo-run ./test/demo
# exec: Ctrl-C reaches the program itself, which stops all that it started.
exec build/demo-run -bin build -dir build/demo "$input"
