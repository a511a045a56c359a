//! `scheduler`, over `timers` and `abort`.

use crate::glue::Api;
use crate::js;

/// The folder, as the list of APIs has it.
pub const API: Api = Api {
    name: "scheduler",
    modules: &[js!("scheduler.js")],
    lazy: &[],
    uses: &["abort", "timers", "webidl"],
    lazy_uses: &[],
    ops: |_| {},
};
