//! The `Cloudflare` global: which compatibility flags hold for the worker.

use crate::glue::{Api, JsArray, List, Ops, op};
use crate::js;

pub const API: Api = Api {
    name: "compat_flags",
    modules: &[],
    lazy: &[js!("compat_flags.js").defining(&["Cloudflare"])],
    uses: &["webidl"],
    lazy_uses: &[],
    ops,
};

fn ops(ops: &mut Ops) {
    ops.add_all(&[flag_names]);
    ops.share::<FlagName>();
}

/// What a flag is called.
#[derive(JsArray)]
struct FlagName {
    /// By a configuration that enables it.
    enable: &'static str,
    /// In the table.
    field: &'static str,
}

/// `flagNames()`: of every flag that can be enabled.
#[op]
fn flag_names() -> List<FlagName> {
    let flags = schema::compat::Flags::default();
    let names = flags.iter().filter_map(|(field, _)| {
        Some(FlagName {
            enable: field.enable_flag()?,
            field: field.name(),
        })
    });
    List(names.collect())
}
