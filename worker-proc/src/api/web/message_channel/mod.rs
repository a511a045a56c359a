//! MessageChannel and MessagePort; has no ops.

use crate::glue::Api;
use crate::js;

pub const API: Api = Api {
    name: "message_channel",
    modules: &[js!("message_channel.js")],
    lazy: &[js!("module.js" as "cloudflare-internal:messagechannel")],
    uses: &["events", "structured_clone", "webidl"],
    lazy_uses: &[("report_error", "only an error of a listener needs it")],
    ops: |_| {},
};
