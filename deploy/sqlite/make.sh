#!/usr/bin/env bash
# Makes sqlite3.c.gz from an amalgamation (see README.md): make.sh PATH/TO/sqlite3.c
set -euo pipefail
source=$1
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$source" "$work/sqlite3.c"
patch --silent "$work/sqlite3.c" "$here/row-counts.patch"
patch --silent "$work/sqlite3.c" "$here/interrupts.patch"
gzip -9n "$work/sqlite3.c"
mv "$work/sqlite3.c.gz" "$here/sqlite3.c.gz"
