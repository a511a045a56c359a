//! `node:buffer` and `node:string_decoder`: bytes and text, which `text` turns into each other.

pub mod text;

use crate::glue::{Api, Ops};
use crate::js;

pub const API: Api = Api {
    name: "node/buffer",
    modules: &[],
    lazy: &[
        js!("buffer.js" as "node:buffer"),
        js!("encodings.js"),
        js!("numbers.js"),
        js!("search.js"),
        js!("string_decoder.js" as "node:string_decoder"),
    ],
    uses: &["blob", "console", "encoding", "node/common", "webidl"],
    lazy_uses: &[],
    ops,
};

fn ops(ops: &mut Ops) {
    text::ops(ops);
}
