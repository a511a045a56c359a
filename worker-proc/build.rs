//! Lists the APIs of `src/api`.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// The wings of `src/api` in the order in which the snapshot evaluates them. A module that another one needs comes before it
/// wherever its folder stands.
const WINGS: [&str; 4] = ["base", "web", "cloudflare", "node"];

fn main() {
    let here = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    println!("cargo::rerun-if-changed=build.rs");
    fs::write(out.join("apis.rs"), list_apis(&here)).expect("OUT_DIR is writable");
}

/// The list of every API: each is a `pub mod` line of its wing.
fn list_apis(here: &Path) -> String {
    let mut list = "/// Every API of the runtime.\npub static ALL: &[Api] = &[\n".to_owned();
    for wing in WINGS {
        let file = here.join(format!("src/api/{wing}/mod.rs"));
        println!("cargo::rerun-if-changed={}", file.display());
        let text = fs::read_to_string(&file).expect("a wing has a mod.rs");
        let lines = text.lines();
        for name in lines.filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')) {
            writeln!(list, "    {wing}::{name}::API,").expect("a text can grow");
        }
    }
    list + "];\n"
}
