//! How events reach a worker's code: entrypoints, `ctx`, `env`, and the module `cloudflare:workers`.

use crate::glue::Api;
use crate::js;

pub const API: Api = Api {
    name: "workers",
    modules: &[js!("entrypoints.js"), js!("service_worker.js"), js!("workers.js"), js!("cloudflare_workers.js")],
    lazy: &[],
    ops: |_| {},
};
