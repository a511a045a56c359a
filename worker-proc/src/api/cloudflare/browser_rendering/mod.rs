//! Browser Rendering: a browser behind a service, and the module `cloudflare:br`.

use crate::glue::Api;
use crate::js;

pub const API: Api = Api {
    name: "browser_rendering",
    modules: &[],
    lazy: &[
        js!("browser_rendering.js" as "cloudflare-internal:br-api"),
        js!("cloudflare_br.js" as "cloudflare:br"),
    ],
    uses: &["wrapped"],
    lazy_uses: &[],
    ops: |_| {},
};
