//! Workflows: a service that runs them, and the module `cloudflare:workflows`.

use crate::glue::Api;
use crate::js;

pub const API: Api = Api {
    name: "workflows",
    modules: &[],
    lazy: &[
        js!("workflows.js" as "cloudflare-internal:workflows-api"),
        js!("cloudflare_workflows.js" as "cloudflare:workflows"),
    ],
    uses: &["wrapped"],
    lazy_uses: &[],
    ops: |_| {},
};
