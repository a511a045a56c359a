//! D1: a SQL database behind a service, as `cloudflare-internal:d1-api` makes it.

use crate::glue::Api;
use crate::js;

pub const API: Api = Api {
    name: "d1",
    modules: &[],
    lazy: &[
        js!("d1.js" as "cloudflare-internal:d1-api"),
        js!("connection.js"),
        js!("results.js"),
    ],
    uses: &["fetch", "trace", "wrapped"],
    lazy_uses: &[],
    ops: |_| {},
};
