//! Who may import whom: crates and the runtime's layers look down, foreign types stop at their borders.

use quote::ToTokens;

use crate::complain;
use crate::modules::Modules;
use crate::source::{Source, paths, repository, rust};

/// The runtime's layers, lowest first: each may use those before it.
const LAYERS: [&str; 7] = [
    "glue", "isolate", "request", "actors", "dispatch", "http", "net",
];

/// The first folder below worker-proc's `src` that a file is in.
fn place(file: &str) -> Option<&str> {
    file.strip_prefix("worker-proc/src/")?
        .split(['/', '.'])
        .next()
}

/// Whether a folder of the runtime may use another.
fn may_use(own: &str, used: &str) -> bool {
    let level = |folder: &str| LAYERS.iter().position(|layer| *layer == folder);
    match (own, level(own), level(used)) {
        _ if own == used => true,
        // The links to other processes and instances carry neutral types, whoever answers.
        ("peer" | "interop", ..) => used == "log",
        (_, Some(own), Some(used)) => used < own,
        // The registry of APIs is given to the lowest layers as data.
        (_, Some(own), None) => own > 1 || !["api", "bindings", "boot"].contains(&used),
        ("api" | "bindings", None, Some(used)) => used <= 2,
        _ => true,
    }
}

fn upward(sources: &[Source]) -> Vec<String> {
    let mut wrong = Vec::new();
    for found in Modules::new(sources).uses() {
        if let (Some(own), Some(used)) = (place(&found.from), place(&found.to))
            && !may_use(own, used)
        {
            wrong.push(format!(
                "{}:{} uses {} of {}",
                found.from, found.line, found.path, found.to
            ));
        }
    }
    wrong
}

#[test]
fn the_runtimes_layers_look_down() {
    complain("dependencies that point up", &upward(&rust()));
}

#[test]
fn an_import_upwards_is_found_in_every_form() {
    let lib = || Source::new("worker-proc/src/lib.rs", "mod glue; mod net; mod peer;");
    let net = || {
        Source::new(
            "worker-proc/src/net/mod.rs",
            "pub mod x; pub struct N; pub fn n() {}",
        )
    };
    let x = || Source::new("worker-proc/src/net/x.rs", "pub const X: u8 = 1;");
    for text in [
        "use crate::net::N;",
        "use crate::{net::{self, N}};",
        "use super::super::net::N;",
        "use crate::net; fn f() { net::n() }",
        "fn f() { crate::net::n() }",
        "fn f() { assert!(crate::net::x::X == 1) }",
        "mod inner { use super::super::super::net::x::X; }",
    ] {
        let sources = [
            lib(),
            net(),
            x(),
            Source::new("worker-proc/src/glue/g.rs", text),
        ];
        assert_eq!(upward(&sources).len(), 1, "{text}");
    }
    let down = [
        lib(),
        net(),
        x(),
        Source::new("worker-proc/src/boot/b.rs", "use crate::net::N;"),
    ];
    assert_eq!(upward(&down).len(), 0);
}

/// Where the types of other libraries and of the runtime itself may be named.
const BORDERS: [(&str, &[&str]); 7] = [
    ("aws_lc_sys", &["worker-proc/libcrypto/"]),
    (
        "hyper",
        &[
            "worker-proc/src/http/",
            "worker-proc/src/net/",
            "tests/bench/",
        ],
    ),
    (
        "v8",
        &[
            "worker-proc/src/isolate/",
            "worker-proc/src/glue/",
            "worker-proc/src/api/",
            "worker-proc/src/bindings/",
            "worker-proc/src/request/",
            "worker-proc/src/actors/",
            "worker-proc/src/dispatch/",
            "worker-proc/src/lib.rs",
            // What it writes stands in `api`.
            "worker-proc/op-macro/",
        ],
    ),
    ("rusqlite", &["worker-proc/storage/"]),
    (
        "capnp",
        &[
            "supervisor/src/config/",
            "supervisor/src/sockets/",
            "ipc/",
            "schema/",
            "worker-proc/src/api/cloudflare/rtti/",
            "worker-proc/src/boot/",
            "worker-proc/src/interop/",
            "tests/",
        ],
    ),
    ("capnp_rpc", &["worker-proc/src/interop/"]),
    (
        "worker_proc",
        &["supervisor/src/main.rs", "supervisor/build.rs"],
    ),
];

fn strangers(sources: &[Source]) -> Vec<String> {
    let mut wrong = Vec::new();
    for source in sources {
        for written in paths(source.product().to_token_stream()) {
            let border = BORDERS
                .iter()
                .find(|(library, _)| written.path[0] == *library && written.path.len() > 1);
            if let Some((library, homes)) = border
                && !homes.iter().any(|home| source.name.starts_with(home))
            {
                wrong.push(format!("{}:{} uses {library}", source.name, written.line));
            }
        }
    }
    wrong
}

#[test]
fn foreign_types_stop_at_their_borders() {
    complain("foreign types past their borders", &strangers(&rust()));
}

#[test]
fn a_foreign_type_past_its_border_is_found() {
    let at = |file: &str| {
        strangers(&[Source::new(file, "fn f() { m!(hyper::Request::new(())) }")]).len()
    };
    assert_eq!(at("worker-proc/src/http/x.rs"), 0);
    assert_eq!(at("worker-proc/src/dispatch/x.rs"), 1);
}

#[test]
fn crates_depend_downward() {
    let order = ["schema", "ipc", "worker-proc", "supervisor"];
    let manifests = repository(&["Cargo.toml"]);
    for manifest in &manifests {
        let krate = manifest.name.split('/').next().unwrap_or_default();
        let Some(level) = order.iter().position(|other| *other == krate) else {
            continue;
        };
        for upper in &order[level + 1..] {
            assert!(
                !manifest.text.contains(&format!("{upper}.workspace")),
                "{} depends on {upper}",
                manifest.name
            );
        }
    }
}
