//! The globals of Node. They stand on everything else that is Node's, and nothing stands on them.

use crate::glue::Api;
use crate::js;

/// The folder, as the list of APIs has it.
pub const API: Api = Api {
    name: "node/globals",
    modules: &[js!("install.js")],
    lazy: &[js!("globals.js")],
    uses: &["node/common"],
    lazy_uses: &[
        ("node/buffer", "a global is made when it is read"),
        ("node/process", "a global is made when it is read"),
        ("node/timers", "a global is made when it is read"),
    ],
    ops: |_| {},
};
