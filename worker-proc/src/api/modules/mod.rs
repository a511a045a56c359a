//! Which built-in modules a worker can import, and what an import of one gives.

use crate::glue::Api;
use crate::js;

pub const API: Api = Api {
    name: "modules",
    modules: &[js!("modules.js")],
    lazy: &[],
    ops: |_| {},
};
