//! MessageChannel and MessagePort; has no ops.

use crate::glue::Api;
use crate::js;

pub const API: Api = Api {
    name: "message_channel",
    modules: &[js!("message_channel.js")],
    lazy: &[],
    ops: |_| {},
};
