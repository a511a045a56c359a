//! Analytics Engine bindings: data points as requests to a service of the config.

use crate::glue::{Api, Ops};
use crate::js;

pub const API: Api = Api {
    name: "analytics_engine",
    modules: &[],
    lazy: &[js!("analytics_engine.js")],
    ops,
};

fn ops(_: &mut Ops) {}
