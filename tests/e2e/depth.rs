//! Nothing is too deep: whatever a worker nests, it gets a result or an exception, and the process lives. `depth.js` has the
//! kinds of things that something walks, parses, copies or frees.

use std::fmt::Write;

use tests::folder::Folder;
use tests::server::Start;

use super::program;

const CONFIG: &str = "using Workerd = import \"/workerd/workerd.capnp\";
const config :Workerd.Config = (
  services = [(name = \"main\", worker = (
    modules = [(name = \"worker\", esModule = embed \"worker.js\")],
    compatibilityDate = \"2026-01-01\",
    compatibilityFlags = [\"nodejs_compat\"],
    bindings = [(name = \"OBJ\", durableObjectNamespace = \"Obj\"), (name = \"EVAL\", unsafeEval = void)],
    durableObjectNamespaces = [(className = \"Obj\", uniqueKey = \"deep\", enableSql = true)],
    durableObjectStorage = (localDisk = \"disk\"),
  )),
  (name = \"disk\", disk = (path = \"objects\", writable = true))],
  sockets = [(name = \"http\", address = \"127.0.0.1:0\", http = (), service = \"main\")],
);";

#[test]
fn nothing_is_too_deep() {
    let folder = Folder::new(&[
        ("config.capnp", CONFIG),
        ("worker.js", include_str!("depth.js")),
        ("objects/.keep", ""),
    ]);
    let start = Start::serve(&program(), &folder.path("config.capnp")).folder(folder.root());
    let mut server = start.arg("--experimental").processes(1).start();
    let processes = server.tree();
    let names = server.get("/names");
    let names: Vec<String> = serde_json::from_str(names.text()).expect("names of walkers");
    assert!(names.len() > 80, "{names:?}");
    let mut answers = String::new();
    for name in &names {
        for depth in [100, 4000, 100_000] {
            let answer = server.get(&format!("/{name}/{depth}"));
            let _ = writeln!(
                answers,
                "{name} {depth}: {} {}",
                answer.status,
                answer.text()
            );
            assert_eq!(server.tree(), processes, "{answers}");
            assert_eq!(answer.status, 200, "{answers}");
        }
    }
    println!("{answers}");
    // What no stack holds is an exception, and what is shallow none.
    for (name, depth, answer) in [
        (
            "selectorNegations",
            100,
            "TypeError: Parser error: Unsupported syntax in selector.",
        ),
        (
            "clone",
            100_000,
            "RangeError: Maximum call stack size exceeded",
        ),
        (
            "rpcValue",
            100_000,
            "RangeError: Maximum call stack size exceeded",
        ),
        (
            "recursion",
            100_000,
            "RangeError: Maximum call stack size exceeded",
        ),
        ("clone", 100, "went well: object"),
        ("rpcValue", 100, "went well: string"),
    ] {
        assert!(
            answers.contains(&format!("{name} {depth}: 200 {answer}\n")),
            "{name} {depth}\n{answers}"
        );
    }
    assert!(server.stop().success());
}
