//! `node:zlib`: deflate, Brotli and Zstandard, which `coder` feeds piece by piece.

mod brotli;
mod coder;
mod deflate;
mod zstd;

use crate::glue::{Api, Ops};
use crate::js;

pub const API: Api = Api {
    name: "node/zlib",
    modules: &[],
    lazy: &[js!("constants.js"), js!("zlib.js" as "node:zlib")],
    uses: &[
        "node/buffer",
        "node/common",
        "node/streams",
        "node/timers",
        "timers",
        "webidl",
    ],
    lazy_uses: &[],
    ops,
};

fn ops(ops: &mut Ops) {
    coder::ops(ops);
}
