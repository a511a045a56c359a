#!/bin/sh
# make.sh PROGRAM FOLDER [VERSION]: makes npm's packages of a program in FOLDER, laid out as upstream's: `workerd`, which tools
# depend on, and `@cloudflare/workerd-linux-64` (or -arm64), which has the program.
#
# The version is upstream's that the program follows, as tools ask for exactly one. A project that is to use it has, with
# `npm pack` run on both:
#     "overrides": { "workerd": "file:workerd-VERSION.tgz", "@cloudflare/workerd-linux-64": "file:cloudflare-workerd-linux-64-VERSION.tgz" }
set -eu
[ $# -ge 2 ] || { sed -n 's/^# \{0,1\}//; 2p' "$0" >&2; exit 1; }
program=$1 folder=$2
here=$(cd "$(dirname "$0")" && pwd)
# "workerd 2026-11-17"
date=$("$program" --version | cut -d' ' -f2)
version=${3:-1.$(echo "$date" | tr -d -).1}
case ${ARCH:-$(uname -m)} in
x86_64) cpu=x64 name=@cloudflare/workerd-linux-64 ;;
aarch64) cpu=arm64 name=@cloudflare/workerd-linux-arm64 ;;
*) echo "no package is for ${ARCH:-$(uname -m)}" >&2; exit 1 ;;
esac

mkdir -p "$folder/workerd" "$folder/$name/bin"
cp -R "$here/bin" "$here/lib" "$folder/workerd/"
cp "$here/../../schema/workerd.capnp" "$folder/workerd/"
cp "$program" "$folder/$name/bin/workerd"
cat >"$folder/workerd/package.json" <<END
{
  "name": "workerd",
  "version": "$version",
  "compatibilityDate": "$date",
  "description": "JavaScript and WebAssembly Workers, on every core",
  "license": "Apache-2.0",
  "main": "lib/main.js",
  "bin": { "workerd": "bin/workerd" },
  "engines": { "node": ">=16" },
  "optionalDependencies": { "$name": "$version" }
}
END
cat >"$folder/$name/package.json" <<END
{
  "name": "$name",
  "version": "$version",
  "description": "The program of the package workerd, for Linux on $cpu",
  "license": "Apache-2.0",
  "os": ["linux"],
  "cpu": ["$cpu"],
  "engines": { "node": ">=16" }
}
END
