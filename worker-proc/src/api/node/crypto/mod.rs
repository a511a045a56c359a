//! `node:crypto`: hashes and key derivation over `digest`, ciphers over `cipher`, asymmetric
//! keys over `keys`, certificates over `certificates`.

mod certificates;
mod cipher;
mod digest;
mod error;
mod keys;
mod pem;

use super::buffer::text::compare_bytes;
use crate::api::web::crypto;
use crate::glue::{Api, Ops};
use crate::js;

pub const API: Api = Api {
    name: "node/crypto",
    modules: &[],
    lazy: &[
        js!("certificates.js"),
        js!("cipher.js"),
        js!("aead.js"),
        js!("constants.js"),
        js!("curves.js"),
        js!("diffie_hellman.js"),
        js!("crypto.js" as "node:crypto"),
        js!("hash.js"),
        js!("kdf.js"),
        js!("key_pairs.js"),
        js!("keys.js"),
        js!("random.js"),
        js!("rsa.js"),
        js!("signatures.js"),
        js!("util.js"),
    ],
    uses: &[
        "console",
        "crypto",
        "dom_exception",
        "node/buffer",
        "node/common",
        "node/streams",
        "timers",
        "trace",
        "webidl",
    ],
    lazy_uses: &[],
    ops,
};

fn ops(ops: &mut Ops) {
    certificates::ops(ops);
    digest::ops(ops);
    cipher::ops(ops);
    keys::ops(ops);
    crypto::key_ops(ops);
    ops.add_all(&[compare_bytes]);
}
