//! The `stack` of errors: as V8 writes it, without the frames of internal JavaScript. `isolate` calls it.

use crate::glue::Api;
use crate::js;

pub const API: Api = Api {
    name: "stack_trace",
    modules: &[js!("stack_trace.js")],
    lazy: &[],
    uses: &[],
    lazy_uses: &[],
    ops: |_| {},
};
