//! `node:crypto`: hashes and key derivation over `digest`, ciphers over `cipher`.

mod cipher;
mod digest;

use super::buffer::text::compare_bytes;
use crate::glue::{Api, Ops};
use crate::js;

pub const API: Api = Api {
    name: "node/crypto",
    modules: &[],
    lazy: &[
        js!("cipher.js"),
        js!("constants.js"),
        js!("crypto.js" as "node:crypto"),
        js!("hash.js"),
        js!("kdf.js"),
        js!("key_mark.js"),
        js!("keys.js"),
        js!("random.js"),
        js!("util.js"),
    ],
    ops,
};

fn ops(ops: &mut Ops) {
    digest::ops(ops);
    cipher::ops(ops);
    ops.add("compareBytes", compare_bytes);
}
