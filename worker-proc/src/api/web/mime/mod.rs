//! MIME types, by the MIME Sniffing standard: the classes of `node:util`, which parse what data URLs say too; has no ops.

use crate::glue::{Api, Ops};
use crate::js;

pub const API: Api = Api {
    name: "mime",
    modules: &[],
    lazy: &[js!("mime.js")],
    uses: &["webidl"],
    lazy_uses: &[],
    ops,
};

fn ops(_: &mut Ops) {}
