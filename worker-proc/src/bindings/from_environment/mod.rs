//! Environment variables, as strings; null where one is not set.

use crate::glue::{Api, Binding, Value};
use crate::js;

pub const BINDING: Binding = Binding {
    kind: "fromEnvironment",
    api: Api {
        name: "bindings/from_environment",
        modules: &[],
        lazy: &[js!("from_environment.js")],
        uses: &[],
        lazy_uses: &[],
        ops: |_| {},
    },
    prepare: look_up,
};

fn look_up(_: &str, variable: Value) -> Result<Value, String> {
    let value = std::env::var_os(variable.text());
    Ok(value.map_or(Value::Nothing, |value| {
        Value::Text(value.to_string_lossy().into_owned().into())
    }))
}
