//! What native code does for a worker counts as its JavaScript does: SQL, cryptography, compression and HTMLRewriter end
//! with the processor time of their event.

use std::time::{Duration, Instant};

use tests::folder::Folder;
use tests::server::{Server, Start};

use super::program;

const CONFIG: &str = "using Workerd = import \"/workerd/workerd.capnp\";
const config :Workerd.Config = (
  services = [(name = \"main\", worker = (
    modules = [(name = \"worker\", esModule = embed \"worker.js\")],
    compatibilityDate = \"2026-01-01\",
    compatibilityFlags = [\"nodejs_compat\"],
    bindings = [(name = \"OBJ\", durableObjectNamespace = \"Obj\")],
    durableObjectNamespaces = [(className = \"Obj\", uniqueKey = \"limited\", enableSql = true)],
    durableObjectStorage = (localDisk = \"disk\"),
  )),
  (name = \"disk\", disk = (path = \"objects\", writable = true))],
  sockets = [(name = \"http\", address = \"127.0.0.1:0\", http = (), service = \"main\")],
);";

fn serve() -> (Folder, Server) {
    let folder = Folder::new(&[
        ("config.capnp", CONFIG),
        ("worker.js", include_str!("native_limits.js")),
        ("objects/.keep", ""),
    ]);
    let start = Start::serve(&program(), &folder.path("config.capnp")).folder(folder.root());
    let server = start.arg("--limit-cpu-ms=300").processes(1).start();
    (folder, server)
}

#[test]
fn sql_ends_with_its_event_and_leaves_the_storage_sound() {
    let (_folder, mut server) = serve();
    let processes = server.tree();
    let ask = |path: &str| server.get(path).text().to_owned();
    assert_eq!(ask("/object/count"), "1");
    let endless = [
        "read",
        "write",
        "prelude",
        "caught",
        "transaction",
        "find",
        "patch",
        "patchInside",
        "patchBinary",
        "snippet",
        "highlight",
        "phrase",
        "near",
        "parse",
    ];
    for (method, count) in endless.into_iter().zip(2..) {
        let begun = Instant::now();
        assert_eq!(
            ask(&format!("/object/{method}")),
            "Durable Object exceeded its CPU time limit and was reset. true",
            "{method}"
        );
        // It would be half a minute and more.
        let time = begun.elapsed();
        assert!(time < Duration::from_secs(15), "{method}: {time:?}");
        // What was stored before is there, and nothing of what was under way.
        assert_eq!(ask("/object/count"), count.to_string(), "after {method}");
    }
    assert_eq!(ask("/object/findFast"), "0,4000000");
    assert_eq!(ask("/object/unhexFast"), "2,ab");
    assert_eq!(ask("/object/patchFast"), r#"{"a":1,"b":{"c":2},"d":[]}"#);
    assert_eq!(server.tree(), processes);
    assert!(server.stop().success());
}

#[test]
fn cryptography_and_compression_end_with_their_event() {
    let (_folder, mut server) = serve();
    let processes = server.tree();
    for path in [
        "pbkdf2Sync",
        "pbkdf2Caught",
        "pbkdf2",
        "deriveBits",
        "generateKey",
        "many",
        "text",
        "chunks",
        "pushed",
        "inflateSync",
        "brotliSync",
        "rewrite",
    ] {
        let answer = server.get(&format!("/{path}"));
        assert_eq!(
            (answer.status, answer.text()),
            (503, "Worker exceeded CPU time limit."),
            "{path}"
        );
        assert_eq!(server.get("/").text(), "fine", "after {path}");
    }
    assert_eq!(server.tree(), processes);
    assert!(server.stop().success());
}
