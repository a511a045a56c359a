//! `serve`, `test` and `compile` of wrangler's configs.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use tests::folder::Folder;
use tests::program::output;
use tests::server::{Server, Start};

use crate::program;

const WORKER: &str = r#"
import { DurableObject } from "cloudflare:workers";
import { greeting } from "./lib/greeting.mjs";
import page from "./page.html";
export class Counter extends DurableObject {
  async count() {
    const count = ((await this.ctx.storage.get("count")) ?? 0) + 1;
    await this.ctx.storage.put("count", count);
    return count;
  }
}
export default {
  async fetch(request, env) {
    const count = await env.COUNTER.get(env.COUNTER.idFromName("one")).count();
    return Response.json([greeting, env.TEXT, env.LIST, page, count]);
  },
  test(controller, env) {
    if (env.TEXT !== "text") throw new Error(env.TEXT);
  },
};
"#;

const JSON: &str = r#"{
  // What a worker needs.
  "name": "app",
  "main": "src/index.js",
  "compatibility_date": "2026-01-01",
  "vars": { "TEXT": "text", "LIST": [1, null] },
  "durable_objects": { "bindings": [{ "name": "COUNTER", "class_name": "Counter" }] },
  "migrations": [{ "tag": "v1", "new_sqlite_classes": ["Counter"] }],
}"#;

const TOML: &str = r#"
name = "app"
main = "src/index.js"
compatibility_date = "2026-01-01"

[vars]
TEXT = "text"
LIST = [1, 2]

[[durable_objects.bindings]]
name = "COUNTER"
class_name = "Counter"

[[migrations]]
tag = "v1"
new_sqlite_classes = ["Counter"]
"#;

fn folder(config: &str, text: &str) -> Folder {
    Folder::new(&[
        (config, text),
        ("src/index.js", WORKER),
        ("src/lib/greeting.mjs", "export const greeting = 'hello';"),
        ("src/page.html", "<p>"),
        ("src/node_modules/left.js", "not looked at"),
    ])
}

/// Starts one as it stands, though a machine may have a bundler: an esbuild that is not there is none.
fn serve(folder: &Folder, config: &str) -> Server {
    let start = Start::serve(&program(), &folder.path(config)).arg("-shttp=127.0.0.1:0");
    start.folder(folder.root()).start()
}

#[test]
fn plain_javascript_is_served_as_it_is() {
    for (config, text, list) in [
        ("wrangler.jsonc", JSON, "[1,null]"),
        ("wrangler.toml", TOML, "[1,2]"),
    ] {
        let plain = match config {
            "wrangler.toml" => format!("no_bundle = true\n{text}"),
            _ => text.replacen('{', "{ \"no_bundle\": true,", 1),
        };
        let folder = folder(config, &plain);
        for count in 1..3 {
            let server = serve(&folder, config);
            let answer = server.get("/");
            let expected = format!("[\"hello\",\"text\",{list},\"<p>\",{count}]");
            assert_eq!(answer.text(), expected, "{answer:?}\n{server:?}");
        }
        assert!(folder.path(".wrangler/state/workerd/app-Counter").is_dir());
    }
}

#[test]
fn its_tests_run() {
    let text = JSON.replacen('{', "{ \"no_bundle\": true,", 1);
    let folder = folder("wrangler.json", &text);
    let mut command = program().command();
    command.arg("test").arg(folder.path("wrangler.json"));
    let output = output(command, b"");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && stderr.contains("[ PASS ] app"),
        "{stderr}"
    );
}

/// A bundler that writes what it was told, and a module beside the bundle.
const BUNDLER: &str = r#"#!/bin/sh
for argument; do
  case $argument in
    --outdir=*) out=${argument#--outdir=} ;;
    --metafile=*) meta=${argument#--metafile=} ;;
  esac
done
[ "$1" = src/bad.ts ] && { echo "✘ [ERROR] bad" >&2; exit 1; }
mkdir -p "$out"
echo "import text from './note-123.txt'; export default { fetch: () => new Response('$1 ' + text) };" > "$out/index.js"
printf 'in %s' "${PWD##*/}" > "$out/note-123.txt"
echo '{"inputs":{"src/index.ts":{},"node_modules/x/index.js":{}}}' > "$meta"
"#;

fn typescript(main: &str) -> (Folder, String) {
    let config = format!(r#"{{"main": "{main}", "compatibility_date": "2026-01-01"}}"#);
    let folder = Folder::new(&[
        ("project/wrangler.json", &config),
        ("project/src/index.ts", "export default {} as any;"),
        ("node_modules/.bin/esbuild", BUNDLER),
    ]);
    let bundler = folder.path("node_modules/.bin/esbuild");
    fs::set_permissions(bundler, fs::Permissions::from_mode(0o755)).unwrap();
    (folder, "project/wrangler.json".to_owned())
}

#[test]
fn typescript_is_bundled_by_the_projects_esbuild() {
    let (folder, config) = typescript("src/index.ts");
    let server = serve(&folder, &config);
    assert_eq!(
        server.get("/").text(),
        "src/index.ts in project",
        "{server:?}"
    );
    let left = fs::read_dir(folder.path("project/.wrangler/tmp")).unwrap();
    assert_eq!(left.count(), 0, "bundles are cleared away");
}

fn refused(folder: &Folder, arguments: &[&str], why: &str) {
    let mut command = program().command();
    command.args(arguments).current_dir(folder.root());
    command
        .env("PATH", "/nowhere")
        .env_remove("WORKERD_ESBUILD");
    let output = output(command, b"");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains(why), "{stderr}");
}

#[test]
fn what_is_wrong_is_said() {
    let (folder, _) = typescript("src/bad.ts");
    let bad = "project/wrangler.json: esbuild failed:\n✘ [ERROR] bad";
    refused(&folder, &["serve", "project/wrangler.json"], bad);

    let config = |name: &str, text: &str| fs::write(folder.path(name), text).unwrap();
    config(
        "none.json",
        r#"{"main": "project/src/index.ts", "compatibility_date": "2026-01-01"}"#,
    );
    fs::remove_file(folder.path("node_modules/.bin/esbuild")).unwrap();
    refused(
        &folder,
        &["serve", "none.json"],
        "none.json: esbuild not found (esbuild). ",
    );
    refused(
        &folder,
        &["serve", "none.json", "name"],
        "A wrangler config has no named constants.",
    );
    let imports = "--import-path applies to Cap'n Proto configs, not wrangler configs.";
    refused(&folder, &["serve", "-I.", "none.json"], imports);

    config("field.jsonc", "{\n  \"routes\": []\n}");
    refused(
        &folder,
        &["compile", "--config-only", "field.jsonc"],
        "field.jsonc: unknown field `routes`, expected one of ",
    );
    config("broken.toml", "name = \n");
    refused(
        &folder,
        &["serve", "broken.toml"],
        "broken.toml: TOML parse error at line 1",
    );
    config(
        "kv.json",
        r#"{"main": "a.js", "compatibility_date": "2026-01-01", "kv_namespaces": [{"binding": "KV"}]}"#,
    );
    let experimental = "kv.json: kv_namespaces is an experimental feature which may change or go away in the future.";
    refused(&folder, &["serve", "kv.json"], experimental);
    let missing = "a.js: No such file or directory (os error 2)";
    refused(&folder, &["serve", "--experimental", "kv.json"], missing);
}
