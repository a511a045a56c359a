//! The `webidl` API: JavaScript alone.

use crate::glue::Api;
use crate::js;

pub const API: Api = Api { name: "webidl", modules: &[js!("iterators.js"), js!("webidl.js")], lazy: &[], ops: |_| {} };
