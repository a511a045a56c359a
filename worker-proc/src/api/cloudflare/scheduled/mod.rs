//! Scheduled events: how a worker gives one to another, and how that one says whether it is to be tried again.

use crate::glue::Api;
use crate::js;

pub const API: Api = Api {
    name: "scheduled",
    modules: &[],
    lazy: &[js!("scheduled.js").defining(&["ScheduledEvent"])],
    uses: &["events", "webidl"],
    lazy_uses: &[],
    ops: |_| (),
};
