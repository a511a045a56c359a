#!/bin/sh
# Compares a release build with the published binary, one process each: CPU time of the server per request and requests per
# second for hello, in turn, three rounds. Needs wrk; PUBLISHED_WORKERD names the published binary.
#
#   tests/bench/run.sh [SECONDS]      prints a line a round, and the ratio of the medians (ours / theirs)
set -eu
cd "$(dirname "$0")/../.."
seconds=${1:-4}
port=${BENCH_PORT:-18911}
: "${PUBLISHED_WORKERD:?names the published binary}"
command -v wrk >/dev/null || { echo 'wrk is not installed' >&2; exit 1; }
cargo build --release
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT

# User and system time of a process so far, in clock ticks.
ticks() { sed 's/.*) //' "/proc/$1/stat" | awk '{ print $12 + $13 }'; }

# NAME BINARY: one round.
measure() {
  "$2" serve deploy/samples/hello/config.capnp --socket-addr=http=127.0.0.1:"$port" >/dev/null 2>&1 &
  server=$!
  until curl -s -o "$results/hello" "http://127.0.0.1:$port/"; do kill -0 $server; done
  wrk -t1 -c32 -d1s "http://127.0.0.1:$port/" >/dev/null
  before=$(ticks $server)
  wrk -t1 -c32 -d"$seconds"s "http://127.0.0.1:$port/" >"$results/wrk"
  after=$(ticks $server)
  kill $server
  wait $server || true
  awk -v name="$1" -v ticks=$((after - before)) -v hz="$(getconf CLK_TCK)" '
    / requests in / { requests = $1 }
    /^Requests\/sec/ { rate = $2 }
    /Non-2xx|Socket errors/ { bad = $0 }
    END { printf "%s %.1f us/request %.0f requests/s %s\n", name, ticks / hz / requests * 1e6, rate, bad }' "$results/wrk" |
    tee -a "$results/all"
}

for round in 1 2 3; do
  measure ours target/release/workerd
  measure published "$PUBLISHED_WORKERD"
done
median() { awk -v name="$1" -v field="$2" '$1 == name { print $field }' "$results/all" | sort -n | sed -n 2p; }
awk -v a="$(median ours 2)" -v b="$(median published 2)" -v c="$(median ours 4)" -v d="$(median published 4)" \
  'BEGIN { printf "ours / published: CPU per request %.2f, requests per second %.2f\n", a / b, c / d }'
