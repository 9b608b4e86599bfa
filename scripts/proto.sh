#!/usr/bin/env bash
# Generates the Go code of every .proto file in proto/. Works offline once the Go modules are there: the dependencies' .proto files
# are read from the module cache, and the generators are the versions that go.mod pins as tools.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v protoc >/dev/null || { echo "protoc is missing: apt-get install protobuf-compiler" >&2; exit 1; }

bin=$(mktemp -d)
out=$(mktemp -d)
trap 'rm -rf "$bin" "$out"' EXIT
export CGO_ENABLED=0
for tool in github.com/cosmos/gogoproto/protoc-gen-gocosmos \
            github.com/grpc-ecosystem/grpc-gateway/protoc-gen-grpc-gateway; do
  go build -o "$bin/" "$tool"
done

dir() { go list -m -f '{{.Dir}}' "$1"; }
include=(-I proto
  -I "$(dir github.com/cosmos/cosmos-sdk)/proto"
  -I "$(dir github.com/cosmos/cosmos-proto)/proto"
  -I "$(dir github.com/cosmos/gogoproto)"
  -I "$(dir github.com/cosmos/gogoproto)/protobuf"
  -I "$(dir github.com/grpc-ecosystem/grpc-gateway)/third_party/googleapis")

for pkg in $(find proto -name '*.proto' -printf '%h\n' | sort -u); do
  PATH="$bin:$PATH" protoc "${include[@]}" \
    --gocosmos_out="plugins=grpc,Mgoogle/protobuf/any.proto=github.com/cosmos/gogoproto/types/any:$out" \
    --grpc-gateway_out="logtostderr=true,allow_colon_final_segments=true:$out" \
    "$pkg"/*.proto
done
cp -r "$out/github.com/edgematrix/emc/." .
echo "proto: generated $(find "$out" -name '*.go' | wc -l) files"
