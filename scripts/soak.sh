#!/usr/bin/env bash
# Long random runs, outside CI: random lives of x/compute, and JOBS jobs whose
# worker is killed at random moments. The summary goes to build/soak.json.
set -euo pipefail
cd "$(dirname "$0")/.."
export CGO_ENABLED=0
checks=${CHECKS:-20000} jobs=${JOBS:-200}
mkdir -p build
rm -f build/soak.json
begin=$(date +%s)
echo "random lives of x/compute: $checks"
go test ./x/compute/keeper -run 'TestRandomLife' -rapid.checks="$checks" -count 1 -timeout 6h
lives=$(($(date +%s) - begin))
echo "jobs with a worker that is killed at random: $jobs"
EMC_E2E_BIN=$PWD/build EMC_SOAK_JOBS=$jobs EMC_SOAK_OUT=$PWD/build/soak-jobs.json \
  go test ./test/e2e -run '^TestSoak$' -v -count 1 -timeout 6h
printf '{"random_lives":{"checks":%d,"seconds":%d},"jobs":%s}\n' "$checks" "$lives" "$(cat build/soak-jobs.json)" >build/soak.json
cat build/soak.json
