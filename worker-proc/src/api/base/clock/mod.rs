//! `Date` at global scope, where time does not pass.

use crate::glue::Api;
use crate::js;

pub const API: Api = Api {
    name: "clock",
    modules: &[js!("clock.js")],
    lazy: &[],
    uses: &[],
    lazy_uses: &[],
    ops: |_| {},
};
