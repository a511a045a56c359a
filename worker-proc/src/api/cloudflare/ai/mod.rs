//! Workers AI: models, gateways, searches and conversions behind a service, and the module `cloudflare:ai`.

use crate::glue::Api;
use crate::js;

pub const API: Api = Api {
    name: "ai",
    modules: &[],
    lazy: &[
        js!("ai.js" as "cloudflare-internal:ai-api"),
        js!("errors.js"),
        js!("run.js"),
        js!("gateway.js" as "cloudflare-internal:aig-api"),
        js!("autorag.js" as "cloudflare-internal:autorag-api"),
        js!("to_markdown.js" as "cloudflare-internal:to-markdown-api"),
        js!("cloudflare_ai.js" as "cloudflare:ai"),
    ],
    uses: &[
        "base64",
        "blob",
        "form_data",
        "streams",
        "url",
        "webidl",
        "wrapped",
    ],
    lazy_uses: &[],
    ops: |_| {},
};
