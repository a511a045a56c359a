//! Workers that come with the program: modules of the kind `bundled = "/workerd/<file>"`.
//!
//! They are workers like any other, over Durable Objects, and what they keep is what those keep. `boot` asks for their code; the
//! first comment of each file says which config it needs. One may be of several modules: it imports the others by their paths.

/// A worker that comes with the program: its path and code, and the other modules that it imports.
struct Bundled {
    path: &'static str,
    code: &'static str,
    parts: &'static [(&'static str, &'static str)],
}

const ALL: [Bundled; 5] = [
    Bundled {
        path: SCHEDULER,
        code: include_str!("cron.js"),
        parts: &[],
    },
    Bundled {
        path: "/workerd/d1.js",
        code: include_str!("d1.js"),
        parts: &[],
    },
    Bundled {
        path: "/workerd/kv.js",
        code: include_str!("kv.js"),
        parts: &[],
    },
    Bundled {
        path: "/workerd/queues.js",
        code: include_str!("queues.js"),
        parts: &[],
    },
    Bundled {
        path: "/workerd/workflows.js",
        code: include_str!("workflows.js"),
        parts: &[
            (
                "workerd/workflows/binding.js",
                include_str!("workflows/binding.js"),
            ),
            (
                "workerd/workflows/journal.js",
                include_str!("workflows/journal.js"),
            ),
            ("workerd/workflows/run.js", include_str!("workflows/run.js")),
            (
                "workerd/workflows/testing.js",
                include_str!("workflows/testing.js"),
            ),
            (
                "workerd/workflows/values.js",
                include_str!("workflows/values.js"),
            ),
        ],
    },
];

/// The one that is given a scheduled event when it begins to serve, as no client wakes its objects.
pub const SCHEDULER: &str = "/workerd/cron.js";

/// The code of the module at a path, if there is one, and the modules that it imports, by their names.
pub fn code(path: &str) -> Option<(&'static str, &'static [(&'static str, &'static str)])> {
    let found = ALL.iter().find(|module| module.path == path);
    found.map(|module| (module.code, module.parts))
}
