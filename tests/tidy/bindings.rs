//! A binding is one folder: nothing outside it names it, neither the checks of the config nor what reads it nor JavaScript.

use std::collections::BTreeSet;

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;

use crate::complain;
use crate::source::{Source, is_test, paths, repository};

const HOME: &str = "worker-proc/src/bindings/";

/// Kinds whose names mean something else there: a type of module, a field, a word of SQL. Each is needed.
const HOMONYMS: [(&str, &str); 14] = [
    ("data", "worker-proc/src/net/fallback_module.rs"),
    ("json", "supervisor/src/config/wrangler/mod.rs"),
    ("json", "worker-proc/files/src/assets/types.rs"),
    ("json", "worker-proc/src/isolate/modules/import.rs"),
    ("json", "worker-proc/src/net/fallback_module.rs"),
    ("json", "worker-proc/storage/src/authorizer.rs"),
    ("queue", "supervisor/src/config/wrangler/plan.rs"),
    ("queue", "worker-proc/service/src/trace/info.rs"),
    ("queue", "worker-proc/src/api/cloudflare/trace/convert.rs"),
    ("queue", "worker-proc/src/peer/convert.rs"),
    ("service", "supervisor/src/metrics/families.rs"),
    ("service", "supervisor/src/metrics/readings.rs"),
    ("text", "worker-proc/src/isolate/modules/import.rs"),
    ("text", "worker-proc/src/net/fallback_module.rs"),
];

/// Whether a kind's text means an API's folder of the same name there: in `uses` of another.
fn names_an_api(sources: &[Source], kind: &str, file: &str) -> bool {
    const APIS: &str = "worker-proc/src/api/";
    let own = format!("/{kind}/mod.rs");
    let is_api = |name: &str| name.starts_with(APIS) && name.ends_with(&own);
    file.starts_with(APIS)
        && file.ends_with("/mod.rs")
        && sources.iter().any(|source| is_api(&source.name))
}

/// Folder and kind of every binding: `memory_cache`, `memoryCache`.
fn bindings(sources: &[Source]) -> Vec<(&str, &str)> {
    let folders = sources.iter().filter_map(|source| {
        let folder = source.name.strip_prefix(HOME)?.strip_suffix("/mod.rs")?;
        let kind = source.text.split("kind: \"").nth(1)?.split('"').next()?;
        Some((folder, kind))
    });
    folders.collect()
}

fn literals(tokens: TokenStream, found: &mut Vec<String>) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => literals(group.stream(), found),
            TokenTree::Literal(literal) => found.push(literal.to_string()),
            _ => {}
        }
    }
}

/// Whether a file names a binding's folder: by its path in Rust, by its module in JavaScript.
fn names_folder(source: &Source, folder: &str) -> bool {
    if source.name.ends_with(".js") {
        return source.text.contains(&format!("\"bindings/{folder}"));
    }
    let by_path = |path: &[String]| path.windows(2).any(|pair| pair == ["bindings", folder]);
    let written = paths(source.product().to_token_stream());
    written.iter().any(|written| by_path(&written.path))
}

/// Files with the bindings that they name, and the homonyms that they need.
fn check(sources: &[Source]) -> (Vec<String>, BTreeSet<(&str, &str)>) {
    let bindings = bindings(sources);
    let (mut wrong, mut needed) = (Vec::new(), BTreeSet::new());
    // The schema is where names are given.
    let outside = sources.iter().filter(|source| {
        !source.name.starts_with(HOME)
            && !source.name.starts_with("schema/")
            && !is_test(&source.name)
    });
    for source in outside {
        let file = source.name.as_str();
        let mut texts = Vec::new();
        if file.ends_with(".rs") {
            literals(source.product().to_token_stream(), &mut texts);
        }
        for (folder, kind) in &bindings {
            let has_text = texts.contains(&format!("\"{kind}\""));
            let is_homonym = has_text && HOMONYMS.contains(&(*kind, file));
            if is_homonym {
                needed.insert((*kind, file));
            }
            let is_named = has_text && !is_homonym && !names_an_api(sources, kind, file);
            if is_named || names_folder(source, folder) {
                wrong.push(format!("{file} names {kind}"));
            }
        }
    }
    (wrong, needed)
}

#[test]
fn nothing_names_a_binding_but_its_folder() {
    let sources = repository(&[".rs", ".js"]);
    let (wrong, needed) = check(&sources);
    complain("bindings named outside their folders", &wrong);
    let idle = HOMONYMS.iter().filter(|homonym| !needed.contains(*homonym));
    complain(
        "homonyms of bindings that are not there",
        &idle.map(|pair| format!("{pair:?}")).collect::<Vec<_>>(),
    );
}

#[test]
fn a_name_outside_its_folder_is_found() {
    let found = |file: &str, text: &str| {
        let home = Source::new(
            "worker-proc/src/bindings/memory_cache/mod.rs",
            "const B: Binding = Binding { kind: \"memoryCache\" };",
        );
        let queue = Source::new(
            "worker-proc/src/bindings/queue/mod.rs",
            "const B: Binding = Binding { kind: \"queue\" };",
        );
        let api = Source::new("worker-proc/src/api/cloudflare/queue/mod.rs", "");
        check(&[home, queue, api, Source::new(file, text)]).0.len()
    };
    let uses = "const API: Api = Api { uses: &[\"queue\"] };";
    assert_eq!(found("worker-proc/src/api/web/x/mod.rs", uses), 0);
    assert_eq!(found("worker-proc/src/boot/x.rs", uses), 1);
    assert_eq!(found("worker-proc/src/peer/convert.rs", uses), 0);
    assert_eq!(
        found(
            "worker-proc/src/peer/convert.rs",
            "use crate::bindings::queue;"
        ),
        1
    );
    assert_eq!(
        found(
            "worker-proc/src/boot/x.rs",
            "fn f() { m!(if kind == \"memoryCache\" {}) }"
        ),
        1
    );
    assert_eq!(
        found(
            "worker-proc/src/boot/x.rs",
            "use crate::bindings::memory_cache::BINDING;"
        ),
        1
    );
    assert_eq!(
        found(
            "worker-proc/src/api/x.js",
            "require(\"bindings/memory_cache\");"
        ),
        1
    );
    assert_eq!(
        found(
            "worker-proc/src/boot/x.rs",
            "use crate::bindings::ALL; const A: &str = \"memory\";"
        ),
        0
    );
    assert_eq!(
        found(
            "worker-proc/src/bindings/other/mod.rs",
            "const A: &str = \"memoryCache\";"
        ),
        0
    );
}
