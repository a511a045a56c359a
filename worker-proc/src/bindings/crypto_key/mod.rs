//! `CryptoKey`s: keys that the config holds, imported when the worker starts. What is wrong with one is an error of the start.

mod material;

use crate::glue::{Api, Binding, Value};
use crate::js;

pub const BINDING: Binding = Binding {
    kind: "cryptoKey",
    api: Api {
        name: "bindings/crypto_key",
        modules: &[],
        lazy: &[js!("crypto_key.js")],
        uses: &["crypto", "encoding"],
        lazy_uses: &[],
        ops: |_| {},
    },
    prepare,
};

/// The arguments of `importKey()`, but for the algorithm, which JavaScript reads.
fn prepare(name: &str, mut key: Value) -> Result<Value, String> {
    let (format, data) = material::of(&mut key)
        .map_err(|error| format!("CryptoKey binding \"{name}\" contained {error}"))?;
    Ok(Value::Members(vec![
        ("format", Value::Text(format.into())),
        ("material", data),
        ("algorithm", key.take("algorithm")),
        ("extractable", key.take("extractable")),
        ("usages", key.take("usages")),
    ]))
}
