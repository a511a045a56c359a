//! Checks that `src/generated` is what the schema compiler makes of the schemas beside it.
//!
//! Needs the `capnp` program (Debian: `capnproto`); without it the check prints why and passes.
//! `UPDATE_GENERATED=1 cargo test -p schema --test generated` writes the code anew.

use std::path::Path;
use std::process::Command;

#[test]
fn generated_code_is_current() {
    if let Err(error) = Command::new("capnp").arg("--version").output() {
        println!("skipped: the schema compiler `capnp` cannot be run: {error}");
        return;
    }
    for name in ["workerd", "peer", "token", "bytes", "instance", "rtti"] {
        check(name);
    }
}

fn check(name: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let out = tempfile::tempdir().expect("a temporary directory");
    capnpc::CompilerCommand::new()
        .src_prefix(root)
        .import_path(root)
        .file(root.join(format!("{name}.capnp")))
        .output_path(out.path())
        .run()
        .expect("the schema compiles");
    let fresh = std::fs::read_to_string(out.path().join(format!("{name}_capnp.rs")))
        .expect("generated code");
    let committed = root.join(format!("src/generated/{name}_capnp.rs"));
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        std::fs::create_dir_all(root.join("src/generated")).expect("a directory for it");
        std::fs::write(&committed, &fresh).expect("a writable checkout");
    }
    let committed = std::fs::read_to_string(committed).unwrap_or_default();
    assert!(
        fresh == committed,
        "src/generated is not what {name}.capnp compiles to; renew it with \
         UPDATE_GENERATED=1 cargo test -p schema --test generated"
    );
}
