//! Pipelines: the class of entrypoints that transform batches, and the module `cloudflare:pipelines`.

use crate::glue::Api;
use crate::js;

pub const API: Api = Api {
    name: "pipelines",
    modules: &[],
    lazy: &[
        js!("transform.js" as "cloudflare-internal:pipeline-transform"),
        js!("cloudflare_pipelines.js" as "cloudflare:pipelines"),
    ],
    uses: &["encoding", "streams", "workers"],
    lazy_uses: &[],
    ops: |_| {},
};
