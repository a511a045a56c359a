#!/bin/sh
# build.sh [FOLDER]: builds the program for release so that the same sources, toolchain and libraries give the same bytes, wherever they
# are: no path of this machine and no time is in it. Leaves FOLDER/release/workerd (target/dist, if not given).
#
# It is built for the machine that it runs on, x86-64 or arm64: the snapshot that it embeds is made by V8 itself, on the way.
set -eu
cd "$(dirname "$0")/../.."
root=$PWD
folder=${1:-$root/target/dist}
home=${CARGO_HOME:-$HOME/.cargo}
export CARGO_INCREMENTAL=0 CARGO_TARGET_DIR="$folder"
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
export RUSTFLAGS="--remap-path-prefix=$root=/src --remap-path-prefix=$home=/cargo --remap-path-prefix=$folder=/target"
flags="-ffile-prefix-map=$root=/src -ffile-prefix-map=$home=/cargo -ffile-prefix-map=$folder=/target"
export CFLAGS="$flags" CXXFLAGS="$flags"
cargo build --release --locked --package supervisor
