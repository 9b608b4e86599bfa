#!/usr/bin/env bash
# Run every fuzz target for a time: scripts/fuzz.sh [DURATION], 60s when left out.
# PACKAGES narrows it down ("./pkg/..."). Inputs that break a target are kept by
# go below testdata/fuzz of its package, where they are seeds from then on; the
# summary goes to build/fuzz.json, and the exit status is not 0 when there are any.
set -uo pipefail
cd "$(dirname "$0")/.."
export CGO_ENABLED=0
duration=${1:-60s} packages=${PACKAGES:-./...} out=${FUZZ_OUT:-build/fuzz.json}
mkdir -p "$(dirname "$out")"
if ! [[ $duration =~ ^[0-9]+(s|m|h)$ ]]; then
  echo "fuzz.sh: $duration is not a time such as 30s, 5m or 1h" >&2
  exit 2
fi

# Files name the packages that are worth compiling; go names their targets.
mapfile -t dirs < <(go list -f '{{$d := .Dir}}{{range .TestGoFiles}}{{$d}}/{{.}}{{"\n"}}{{end}}{{range .XTestGoFiles}}{{$d}}/{{.}}{{"\n"}}{{end}}' $packages |
  grep . | xargs -r grep -l '^func Fuzz' | xargs -rn1 dirname | sort -u)
targets=()
for dir in "${dirs[@]}"; do
  package=./${dir#"$PWD"/}
  if ! names=$(go test -list '^Fuzz' "$package"); then
    printf '%s\n' "$names" >&2
    exit 2
  fi
  while read -r name; do targets+=("$package $name"); done < <(grep '^Fuzz' <<<"$names")
done
if [[ ${#targets[@]} == 0 ]]; then
  echo "fuzz.sh: no fuzz target in $packages" >&2
  exit 2
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
findings=0 executions=0 rows=() number=0
for target in "${targets[@]}"; do
  read -r package name <<<"$target"
  number=$((number + 1))
  echo "[$number/${#targets[@]}] $name in $package for $duration"
  begin=$(date +%s) finding=false
  if ! go test "$package" -run '^$' -fuzz "^$name\$" -fuzztime "$duration" -fuzzminimizetime 10x -timeout 0 2>&1 | tee "$log" | grep --line-buffered -v 'gathering baseline'; then
    :
  fi
  grep -q '^ok' "$log" || finding=true
  execs=$(grep -o 'execs: [0-9]*' "$log" | tail -1 | cut -d' ' -f2)
  executions=$((executions + ${execs:-0}))
  if [[ $finding == true ]]; then
    findings=$((findings + 1))
    grep -A4 'Failing input written to' "$log" || tail -20 "$log"
  fi
  rows+=("$(printf '{"package":"%s","target":"%s","seconds":%d,"executions":%d,"finding":%s}' "$package" "$name" $(($(date +%s) - begin)) "${execs:-0}" "$finding")")
done
{
  printf '{"duration":"%s","targets":%d,"executions":%d,"findings":%d,"runs":[\n' "$duration" "${#targets[@]}" "$executions" "$findings"
  for i in "${!rows[@]}"; do
    printf '  %s%s\n' "${rows[$i]}" "$([[ $i == $((${#rows[@]} - 1)) ]] || echo ,)"
  done
  printf ']}\n'
} >"$out"
echo "$number targets, $executions executions, $findings findings: $out"
[[ $findings == 0 ]]
