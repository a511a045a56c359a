//! The `abort` API: JavaScript alone.

use crate::glue::Api;
use crate::js;

pub const API: Api = Api { name: "abort", modules: &[js!("abort.js")], lazy: &[], ops: |_| {} };
