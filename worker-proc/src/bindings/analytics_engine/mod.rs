//! Analytics Engine: data points as requests to a service of the config.

use crate::glue::{Api, Binding, Reference, Value};
use crate::js;
use crate::service::Outlet;

pub const BINDING: Binding = Binding {
    kind: "analyticsEngine",
    api: Api {
        name: "bindings/analytics_engine",
        modules: &[],
        lazy: &[js!("analytics_engine.js")],
        uses: &[
            "encoding",
            "event",
            "fetch",
            "report_error",
            "streams",
            "webidl",
        ],
        lazy_uses: &[],
        ops: |_| {},
    },
    prepare: with_dataset,
};

/// The service that is told of the data points, and its name, which is the dataset's.
fn with_dataset(_: &str, value: Value) -> Result<Value, String> {
    let dataset = match &value {
        Value::Reference(Reference::Outlet(Outlet::Named(to))) => to.service.clone(),
        _ => String::new(),
    };
    let dataset = Value::Text(dataset.into());
    Ok(Value::Members(vec![
        ("service", value),
        ("dataset", dataset),
    ]))
}
