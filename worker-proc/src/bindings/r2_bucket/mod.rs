//! R2 buckets: what workers ask of one, as requests to a service of the config.

use crate::glue::{Api, Binding, Reference, Value};
use crate::js;
use crate::service::Outlet;

pub const BINDING: Binding = Binding {
    kind: "r2Bucket",
    api: Api {
        name: "bindings/r2_bucket",
        modules: &[],
        lazy: &[js!("message.js"), js!("options.js"), js!("r2_bucket.js")],
        uses: &[
            "console",
            "encoding",
            "fetch",
            "headers",
            "memory_limit",
            "r2",
            "streams",
            "structured_clone",
            "trace",
            "webidl",
        ],
        lazy_uses: &[("blob", "few values are blobs")],
        ops: |_| {},
    },
    prepare: with_bucket,
};

/// The service that has the objects, and its name, which is the bucket's.
fn with_bucket(_: &str, value: Value) -> Result<Value, String> {
    let bucket = match &value {
        Value::Reference(Reference::Outlet(Outlet::Named(to))) => to.service.clone(),
        _ => String::new(),
    };
    let bucket = Value::Text(bucket.into());
    Ok(Value::Members(vec![("service", value), ("bucket", bucket)]))
}
