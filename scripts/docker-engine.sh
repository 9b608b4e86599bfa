#!/usr/bin/env bash
# Debian's Docker Engine, installed and started where none answers: for CI and
# bare machines. Needs root. `make` never calls it.
set -euo pipefail
answers() { timeout 10 docker version --format '{{.Server.Version}}' 2>/dev/null; }

if version=$(answers); then
  echo "Docker Engine $version answers"
  exit
fi
if ! command -v dockerd >/dev/null; then
  echo "installing docker.io"
  apt-get update -qq
  apt-get install -y -qq docker.io >/dev/null
fi
# An Engine that was killed leaves its numbers behind: the next one would wait for processes that are gone.
for pid in /var/run/docker.pid /var/run/docker/containerd/containerd.pid; do
  if [[ -f $pid ]] && ! grep -Eqs '^State:[[:space:]]+[^ZX]' "/proc/$(<"$pid")/status"; then rm -f "$pid"; fi
done
# Not a child of this script: it stays when the script ends, and holds none of its pipes.
log=$(mktemp /tmp/dockerd.XXXXXX.log)
setsid dockerd >"$log" 2>&1 </dev/null &
for _ in $(seq 120); do
  if version=$(answers); then
    echo "Docker Engine $version started, its log is $log"
    exit
  fi
  sleep 0.5
done
echo "Docker Engine does not answer:" >&2
tail -20 "$log" >&2
exit 1
