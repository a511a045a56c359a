#!/bin/sh
# Runs each fuzz target for some seconds: run.sh [SECONDS] [TARGET...]. Needs a C++ compiler, and no nightly toolchain:
# the coverage instrumentation that libFuzzer lives on is asked of LLVM directly.
#
# Seeds are in seeds/TARGET; what is learnt stays in target/corpus/TARGET. An input that crashes is written to
# target/crash-TARGET-HASH, and `target/HOST/release/TARGET FILE` runs it again.
set -eu
cd "$(dirname "$0")"
seconds=${1:-60}
[ $# -gt 0 ] && shift
[ $# -gt 0 ] || set -- $(basename -s .rs targets/*.rs)

# With an explicit target, the flags do not reach build scripts.
host=$(rustc -vV | sed -n 's/^host: //p')
out=target/$host/release
RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Ccodegen-units=1 \
 -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
 -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares" \
  cargo build --release --target "$host"

# The targets write files; in memory that is ten times as fast.
[ -d /dev/shm ] && export TMPDIR=/dev/shm
TMPDIR=$(mktemp -d)
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT

for target; do
  mkdir -p "target/corpus/$target" "seeds/$target"
  options=
  [ -f "seeds/$target.dict" ] && options="-dict=seeds/$target.dict"
  "$out/$target" $options -verbosity=0 -max_total_time="$seconds" -timeout=20 -rss_limit_mb=4096 -print_final_stats=1 \
    -artifact_prefix="target/crash-$target-" "target/corpus/$target" "seeds/$target"
done
