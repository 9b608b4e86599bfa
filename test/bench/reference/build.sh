#!/usr/bin/env bash
# Compiles the speed references into OUTDIR: build.sh OUTDIR. Where the compiler
# or a library is missing it says what to install and goes on: the benchmark
# then reports "not run". It installs nothing.
set -euo pipefail
if [[ $# != 1 ]]; then
  echo "usage: $0 OUTDIR" >&2
  exit 2
fi
here=$(dirname "${BASH_SOURCE[0]}")
out=$1 cc=${CC:-cc}
mkdir -p "$out"
# A program of an earlier build must not outlive its library.
rm -f "$out/reference-onednn" "$out/reference-sgemm"

probe=$(mktemp)
trap 'rm -f "$probe"' EXIT

# links LIBRARY LINES...: whether a program of these lines compiles and links.
links() {
  local library=$1
  shift
  printf '%s\n' "$@" 'int main(void) { return 0; }' | "$cc" -x c - -l"$library" -o "$probe" 2>/dev/null
}

# compile NAME SOURCE LIBRARY
compile() {
  "$cc" -O2 -Wall -Wextra "$here/$2" -l"$3" -o "$out/reference-$1"
}

if ! links c '#include <stdlib.h>'; then
  echo "no C compiler ($cc), references not built: install Debian's gcc and libc6-dev" >&2
  exit
fi
# Version 3 of oneDNN has another API.
if links dnnl '#include <dnnl.h>' '#if DNNL_VERSION_MAJOR != 2' '#error' '#endif'; then
  compile onednn onednn.c dnnl
else
  echo "no oneDNN 2, reference-onednn not built: install Debian's libdnnl-dev (version 2, as in bookworm)" >&2
fi
if links openblas '#include <cblas.h>'; then
  compile sgemm sgemm.c openblas
else
  echo "no OpenBLAS, reference-sgemm not built: install Debian's libopenblas-dev" >&2
fi
