//! The `Cloudflare` global: which compatibility flags hold for the worker.

use crate::glue::{Api, Ops, intern};
use crate::js;

pub const API: Api = Api {
    name: "compat_flags",
    modules: &[],
    lazy: &[js!("compat_flags.js").defining(&["Cloudflare"])],
    ops,
};

fn ops(ops: &mut Ops) {
    ops.add("flagNames", flag_names);
}

/// `flagNames()`: for every flag that can be enabled, the name that a configuration uses and the table's, in one flat array.
fn flag_names(scope: &mut v8::PinScope, _: v8::FunctionCallbackArguments, mut rv: v8::ReturnValue) {
    let mut names: Vec<v8::Local<v8::Value>> = Vec::new();
    for (field, _) in schema::compat::Flags::default().iter() {
        if let Some(enable) = field.enable_flag() {
            names.push(intern(scope, enable).into());
            names.push(intern(scope, field.name()).into());
        }
    }
    rv.set(v8::Array::new_with_elements(scope, &names).into());
}
