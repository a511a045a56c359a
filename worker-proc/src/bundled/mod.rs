//! Workers that come with the program: modules of the kind `bundled = "/workerd/<file>"`.
//!
//! They are workers like any other, over Durable Objects, and what they keep is what those keep. `boot` asks for their code; the
//! first comment of each file says which config it needs.

/// The modules by their paths.
const MODULES: [(&str, &str); 4] = [
    (SCHEDULER, include_str!("cron.js")),
    ("/workerd/d1.js", include_str!("d1.js")),
    ("/workerd/kv.js", include_str!("kv.js")),
    ("/workerd/queues.js", include_str!("queues.js")),
];

/// The one that is given a scheduled event when it begins to serve, as no client wakes its objects.
pub const SCHEDULER: &str = "/workerd/cron.js";

/// The code of the module at a path, if there is one.
pub fn code(path: &str) -> Option<&'static str> {
    let found = MODULES.iter().find(|(module, _)| *module == path);
    found.map(|(_, code)| *code)
}
