//! A binding is one folder: nothing outside it names it, neither the checks of the config nor what reads it nor JavaScript.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;

use crate::complain;
use crate::source::{Source, is_test, paths, repository};

const HOME: &str = "worker-proc/src/bindings/";

/// Kinds whose names mean other things too.
const COMMON: [&str; 7] = [
    "text",
    "data",
    "json",
    "service",
    "wrapped",
    "queue",
    "hyperdrive",
];

/// Folder and kind of every binding: `memory_cache`, `memoryCache`.
fn bindings(sources: &[Source]) -> Vec<(&str, &str)> {
    let folders = sources.iter().filter_map(|source| {
        let folder = source.name.strip_prefix(HOME)?.strip_suffix("/mod.rs")?;
        let kind = source.text.split("kind: \"").nth(1)?.split('"').next()?;
        Some((folder, kind))
    });
    folders.filter(|(_, kind)| !COMMON.contains(kind)).collect()
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

/// Whether a file names a binding: by its path in Rust, its name in the schema, its module in JavaScript.
fn names(source: &Source, folder: &str, kind: &str) -> bool {
    if source.name.ends_with(".js") {
        return source.text.contains(&format!("\"bindings/{folder}"));
    }
    let tokens = source.product().to_token_stream();
    let mut texts = Vec::new();
    literals(tokens.clone(), &mut texts);
    let by_path = |path: &[String]| path.windows(2).any(|pair| pair == ["bindings", folder]);
    texts.contains(&format!("\"{kind}\""))
        || paths(tokens).iter().any(|written| by_path(&written.path))
}

fn check(sources: &[Source]) -> Vec<String> {
    let bindings = bindings(sources);
    let mut wrong = Vec::new();
    // The schema is where names are given.
    let outside = sources.iter().filter(|source| {
        !source.name.starts_with(HOME)
            && !source.name.starts_with("schema/")
            && !is_test(&source.name)
    });
    for source in outside {
        for (folder, kind) in &bindings {
            if names(source, folder, kind) {
                wrong.push(format!("{} names {kind}", source.name));
            }
        }
    }
    wrong
}

#[test]
fn nothing_names_a_binding_but_its_folder() {
    complain(
        "bindings named outside their folders",
        &check(&repository(&[".rs", ".js"])),
    );
}

#[test]
fn a_name_outside_its_folder_is_found() {
    let found = |file: &str, text: &str| {
        let home = Source::new(
            "worker-proc/src/bindings/memory_cache/mod.rs",
            "const B: Binding = Binding { kind: \"memoryCache\" };",
        );
        check(&[home, Source::new(file, text)]).len()
    };
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
