//! Lists the APIs of `src/api` and the bindings.

use std::fs;
use std::path::{Path, PathBuf};

/// The wings of `src/api` in the order in which the snapshot evaluates them. A module that another one needs comes before it
/// wherever its folder stands.
const WINGS: [&str; 4] = ["base", "web", "cloudflare", "node"];

fn main() {
    let here = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    println!("cargo::rerun-if-changed=build.rs");
    let apis = WINGS.iter().flat_map(|wing| {
        let names = modules(&here.join("src/api").join(wing)).into_iter();
        names.map(move |name| format!("{wing}::{name}::API"))
    });
    let apis = list("Every API of the runtime.", "Api", apis);
    let names = modules(&here.join("src/bindings")).into_iter();
    let bindings = names.map(|name| format!("{name}::BINDING"));
    let bindings = list("Every kind of binding.", "Binding", bindings);
    fs::write(out.join("apis.rs"), apis).expect("OUT_DIR is writable");
    fs::write(out.join("bindings.rs"), bindings).expect("OUT_DIR is writable");
}

/// The `pub mod` lines of a folder's `mod.rs`.
fn modules(folder: &Path) -> Vec<String> {
    let file = folder.join("mod.rs");
    println!("cargo::rerun-if-changed={}", file.display());
    let text = fs::read_to_string(&file).expect("the folder has a mod.rs");
    let names = text
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod "));
    names
        .map(|name| name.trim_end_matches(';').to_owned())
        .collect()
}

/// `ALL` of what each folder has.
fn list(comment: &str, kind: &str, items: impl Iterator<Item = String>) -> String {
    let items: Vec<String> = items.collect();
    format!(
        "/// {comment}\npub static ALL: &[{kind}] = &[{}];\n",
        items.join(", ")
    )
}
