//! Vectorize: an index of vectors behind a service, and the module `cloudflare:vectorize`.

use crate::glue::Api;
use crate::js;

pub const API: Api = Api {
    name: "vectorize",
    modules: &[],
    lazy: &[
        js!("vectorize.js" as "cloudflare-internal:vectorize-api"),
        js!("constants.js" as "cloudflare:vectorize"),
    ],
    uses: &["wrapped"],
    lazy_uses: &[],
    ops: |_| {},
};
