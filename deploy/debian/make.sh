#!/bin/sh
# make.sh [PROGRAM [ARGUMENT...]]: makes the Debian package of a program, or of one that it builds, in target/debian.
# The arguments go to `cargo deb` (`cargo install cargo-deb`), as --output=FILE or --deb-version=VERSION.
set -eu
cd "$(dirname "$0")/../.."
if [ $# -gt 0 ]; then
    program=$1
    shift
else
    cargo build --release --locked --package supervisor
    program=target/release/workerd
fi
mkdir -p target/package
# One at a time: what is packed is in one place.
exec 9>target/package/lock
flock 9
cp "$program" target/package/workerd
# The same files make the same package.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH
cargo deb --package supervisor --no-build --no-strip --locked "$@"
