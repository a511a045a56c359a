//! Images: a service that transforms and keeps them, and what its forms are sent with.

use crate::glue::Api;
use crate::js;

pub const API: Api = Api {
    name: "images",
    modules: &[],
    lazy: &[
        js!("images.js" as "cloudflare-internal:images-api"),
        js!("transformer.js"),
        js!("responses.js"),
        js!("streaming_forms.js" as "cloudflare-internal:streaming-forms"),
        js!("streaming_base64.js" as "cloudflare-internal:streaming-base64"),
    ],
    uses: &[
        "base64", "encoding", "fetch", "headers", "streams", "trace", "webidl", "wrapped",
    ],
    lazy_uses: &[],
    ops: |_| {},
};
