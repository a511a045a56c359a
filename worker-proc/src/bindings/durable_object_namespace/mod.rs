//! Namespaces of Durable Objects. What they are made of is in `api/cloudflare/actors`.

use crate::glue::{Api, Binding, Reference, Value};
use crate::js;
use crate::service::Outlet;

pub const BINDING: Binding = Binding {
    kind: "durableObjectNamespace",
    api: Api {
        name: "bindings/durable_object_namespace",
        modules: &[js!("durable_object_namespace.js")],
        lazy: &[],
        uses: &["actors"],
        lazy_uses: &[],
        ops: |_| {},
    },
    prepare: with_kind,
};

/// The namespace, and whether its objects keep nothing: their stubs are had otherwise.
fn with_kind(_: &str, value: Value) -> Result<Value, String> {
    let is_ephemeral = matches!(
        value,
        Value::Reference(Reference::Outlet(Outlet::Namespace {
            is_ephemeral: true,
            ..
        }))
    );
    let is_ephemeral = Value::Bool(is_ephemeral);
    Ok(Value::Members(vec![
        ("namespace", value),
        ("isEphemeral", is_ephemeral),
    ]))
}
