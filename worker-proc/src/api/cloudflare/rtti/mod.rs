//! The module `workerd:rtti`: what the API is made of under a date and flags, as a message of Cap'n Proto. `wrangler types` makes
//! TypeScript declarations of it.

mod description;

use schema::compat::{self, Flags, Options, field};

use crate::glue::{Api, JsError, Ops, op};
use crate::js;
use description::message;

pub const API: Api = Api {
    name: "rtti",
    modules: &[js!("rtti.js")],
    lazy: &[js!("module.js")],
    uses: &["modules", "structured_clone", "webidl"],
    lazy_uses: &[],
    ops,
};

fn ops(ops: &mut Ops) {
    ops.add_all(&[types, experimental_types]);
}

/// Why there is no description.
#[derive(JsError)]
enum Refused {
    #[error("{message}")]
    Flags { message: String },
}

/// `types(date, flags)`: the message; the date may lie in the future.
#[op]
fn types(date: &str, flags: Vec<String>) -> Result<Vec<u8>, Refused> {
    let options = Options {
        experimental: true,
        date_override: Some(date),
        ..Options::default()
    };
    let flags = compat::compile_flags(None, flags.iter().map(String::as_str), &options);
    let flags = flags.map_err(|mut errors| Refused::Flags {
        message: errors.swap_remove(0),
    })?;
    Ok(message(&flags))
}

/// `experimentalTypes()`: the message with every flag but those of Node.
#[op]
fn experimental_types() -> Vec<u8> {
    let node = [field::NODE_JS_COMPAT, field::NODE_JS_COMPAT_V2];
    let all = Flags::default();
    let fields = all.iter().map(|(field, _)| field);
    message(&fields.filter(|field| !node.contains(field)).collect())
}
