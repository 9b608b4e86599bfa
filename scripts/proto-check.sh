#!/usr/bin/env bash
# Fails when the generated code in the tree is not what proto/ generates. Generates into a copy, so that the working tree is never touched.
set -euo pipefail
cd "$(dirname "$0")/.."
if ! command -v protoc >/dev/null; then
  if [ "${CI:-}" = true ]; then echo "proto-check: protoc is missing and CI must check the generated code" >&2; exit 1; fi
  echo "proto-check: skipped, protoc is not installed (apt-get install protobuf-compiler)"
  exit 0
fi
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
mkdir -p "$copy/docs"
cp -r go.mod go.sum proto scripts x "$copy/"
[ -d docs/static ] && cp -r docs/static "$copy/docs/"
[ -d app ] && cp -r app "$copy/"
find "$copy/x" -name '*.pb.go' -delete -o -name '*.pb.gw.go' -delete
(cd "$copy" && scripts/proto.sh >/dev/null && scripts/openapi.sh >/dev/null)
stale=$(diff -rq x "$copy/x" || true; diff -rq docs/static "$copy/docs/static" || true)
if [ -n "$stale" ]; then
  echo "$stale" >&2
  echo "proto-check: the generated code is stale; run: make proto" >&2
  exit 1
fi
echo "proto-check: generated code is current"
