//! `cloudflare-internal:base64`: base64 as bytes.

use crate::glue::base64::{self, Base64Options};
use crate::glue::{Api, JsError, Ops, op, with_bytes};
use crate::js;

pub const API: Api = Api {
    name: "base64",
    modules: &[],
    lazy: &[js!("base64.js" as "cloudflare-internal:base64")],
    uses: &["encoding", "fetch", "webidl"],
    lazy_uses: &[],
    ops,
};

/// Why there are no bytes.
#[derive(JsError)]
enum Refused {
    #[dom(SyntaxError, "Invalid base64 at position {position}: {why}")]
    Invalid { position: usize, why: &'static str },
}

fn ops(ops: &mut Ops) {
    ops.add_all(&[encode, decode]);
}

/// `encode(bytes)`: the text, as bytes of ASCII.
#[op]
fn encode<'s>(bytes: v8::Local<'s, v8::Value>) -> Vec<u8> {
    with_bytes(bytes, |bytes| base64::encode(bytes, Base64Options::Default))
}

/// `decode(text)`: the bytes of a text that is bytes of ASCII; throws where it is no base64.
#[op]
fn decode<'s>(text: v8::Local<'s, v8::Value>) -> Result<Vec<u8>, Refused> {
    let bytes = with_bytes(text, |text| base64::decode(text, Base64Options::Default));
    bytes.map_err(|base64::Fault { position, why }| Refused::Invalid { position, why })
}
