#!/usr/bin/env bash
# Packs the image of the ocr app from Debian's packages into a docker-archive:
#   apps/ocr/pack.sh [build/ocr.tar]
# Needs apt and dpkg-deb (Debian or Ubuntu), and Go. It installs nothing, needs
# no root, no Engine and no registry. The same packages give the same digest; an
# archive that is already made from them is left as it is. Exit code 3: apt has
# no packages here.
set -euo pipefail
cd "$(dirname "$0")/../.."
out=${1:-build/ocr.tar}
mkdir -p "$(dirname "$out")"
say() { echo "pack.sh: $*" >&2; }

for tool in apt-get dpkg-deb go; do
  command -v "$tool" >/dev/null || { say "needs $tool; on a system without apt use apps/ocr/Dockerfile"; exit 3; }
done
# One at a time for an archive: whoever waited finds it made.
if command -v flock >/dev/null; then
  exec 9>"$out.lock"
  flock 9
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# An empty status file: apt then names every package that Tesseract needs, and
# not only those that this machine lacks.
: >"$work/status"
apt=(apt-get -qq -o Dir::State::status="$work/status" -o APT::Sandbox::User=root -o Acquire::Retries=3)
needed() { "${apt[@]}" -y --no-install-recommends --print-uris install tesseract-ocr 2>"$work/apt.err" | sed -n "s/^'[^']*' //p" | sort >"$work/packages" && [ -s "$work/packages" ]; }
if ! needed; then
  # This machine has no package lists: fetch them into the temporary folder.
  mkdir -p "$work/state/lists/partial" "$work/cache/archives/partial"
  apt+=(-o Dir::State="$work/state" -o Dir::State::status="$work/status" -o Dir::Cache="$work/cache")
  if ! "${apt[@]}" update >/dev/null 2>"$work/apt.err" || ! needed; then
    say "apt cannot find tesseract-ocr: $(tr '\n' ' ' <"$work/apt.err")"
    exit 3
  fi
fi

# -trimpath: the digest must not depend on where this repository lies.
CGO_ENABLED=0 GOOS=linux GOFLAGS= GOAMD64=v1 go build -trimpath -buildvcs=false -ldflags '-s -w -buildid=' -o "$work/ocr" ./apps/ocr
CGO_ENABLED=0 go build -buildvcs=false -o "$work/pack" ./apps/ocr/pack
key=$(cat "$work/packages" "$work/ocr" "$work/pack" | sha256sum | cut -d' ' -f1)
if [ -s "$out" ] && [ "$(cat "$out.key" 2>/dev/null)" = "$key $(sha256sum <"$out")" ]; then
  echo "$out is current"
  exit 0
fi

mkdir "$work/debs" "$work/root"
# File names are NAME_VERSION_ARCH.deb with the version's colon as %3a.
sed -E 's/^([^_]+)_([^_]+)_[^ ]* .*/\1=\2/; s/%3a/:/g' "$work/packages" >"$work/names"
if ! (cd "$work/debs" && xargs "${apt[@]}" download <"$work/names" >/dev/null 2>"$work/apt.err"); then
  say "apt cannot download the packages: $(tr '\n' ' ' <"$work/apt.err")"
  exit 3
fi
for deb in "$work"/debs/*.deb; do
  name=${deb##*/}
  dpkg-deb -x "$deb" "$work/root/${name%%_*}"
done
(cd "$work/debs" && sha256sum -- *.deb | awk '{print $2, $1}' | LC_ALL=C sort) >"$work/list"
"$work/pack" -packages "$work/root" -list "$work/list" -program "$work/ocr" -out "$out"
echo "$key $(sha256sum <"$out")" >"$out.key"
