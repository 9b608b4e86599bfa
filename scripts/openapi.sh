#!/usr/bin/env bash
# Describes the chain's REST API in docs/static/openapi.json (Swagger 2.0): our modules and those of the SDK and of IBC that the
# chain serves. Works offline once the Go modules are there: the .proto files are read from the module cache, and the generator
# is the version that go.mod pins as a tool.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v protoc >/dev/null || { echo "protoc is missing: apt-get install protobuf-compiler" >&2; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export CGO_ENABLED=0
mkdir -p "$work/bin" "$work/out" "$work/stub/cosmos/ics23/v1"
go build -o "$work/bin/" github.com/grpc-ecosystem/grpc-gateway/protoc-gen-swagger

# ics23's Go module ships without its .proto file. The queries carry its messages through without looking inside.
cat > "$work/stub/cosmos/ics23/v1/proofs.proto" <<'PROTO'
syntax = "proto3";
package cosmos.ics23.v1;
option go_package = "github.com/cosmos/ics23/go;ics23";
message CommitmentProof {}
message ProofSpec {}
PROTO

# x/nft's files are imported as cosmos/nft, but lie elsewhere.
ln -s "$(go list -m -f '{{.Dir}}' github.com/cosmos/cosmos-sdk)/contrib/proto/nft" "$work/stub/cosmos/nft"

dir() { go list -m -f '{{.Dir}}' "$1"; }
sdk=$(dir github.com/cosmos/cosmos-sdk)
ibc=$(dir github.com/cosmos/ibc-go/v11)
include=(-I proto -I "$sdk/proto" -I "$ibc/proto" -I "$work/stub"
  -I "$(dir github.com/cosmos/cosmos-proto)/proto"
  -I "$(dir github.com/cosmos/gogoproto)"
  -I "$(dir github.com/cosmos/gogoproto)/protobuf"
  -I "$(dir github.com/grpc-ecosystem/grpc-gateway)/third_party/googleapis")

files=(
  cosmos/{auth,bank,staking,slashing,distribution,upgrade,evidence,feegrant,authz,epochs}/v1beta1/query.proto
  cosmos/gov/v1/query.proto cosmos/consensus/v1/query.proto
  cosmos/tx/v1beta1/service.proto cosmos/base/tendermint/v1beta1/query.proto cosmos/base/node/v1beta1/query.proto
  cosmos/nft/v1beta1/query.proto
  ibc/core/{client,connection,channel}/v1/query.proto ibc/core/{client,channel}/v2/query.proto
  ibc/applications/transfer/v1/query.proto
)
while IFS= read -r file; do files+=("${file#proto/}"); done < <(find proto -name query.proto | sort)

for file in "${files[@]}"; do
  PATH="$work/bin:$PATH" protoc "${include[@]}" \
    --swagger_out="logtostderr=true,fqn_for_swagger_name=true:$work/out" "$file"
done
go run ./scripts/openapi "$work/out" docs/static/openapi.json
