#!/bin/sh
# dist.sh PROGRAM FOLDER: makes all that is released of a program: the program itself, Debian's and npm's packages, an SBOM, and their
# checksums. Needs cargo-deb, npm and Python 3.11.
set -eu
program=$(realpath "$1")
mkdir -p "$2"
folder=$(realpath "$2")
cd "$(dirname "$0")/../.."
machine=$(uname -m)
install -m 0755 "$program" "$folder/workerd-linux-$machine"
deploy/build/sbom.py >"$folder/workerd-linux-$machine.cdx.json"
deploy/debian/make.sh "$program" --quiet --output="$folder/"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
deploy/npm/make.sh "$program" "$work"
for package in "$work/workerd" "$work"/@cloudflare/*; do
    npm pack --silent --pack-destination "$folder" "$package" >/dev/null
done
cd "$folder"
sums=$(find . -maxdepth 1 -type f ! -name SHA256SUMS -printf "%P\n" | LC_ALL=C sort | xargs sha256sum)
echo "$sums" >SHA256SUMS
