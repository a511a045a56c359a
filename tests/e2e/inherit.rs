//! Workers that inherit: one code with several environments, and objects of their own.

use serde_json::{Value, json};
use tests::folder::Folder;
use tests::server::Start;

use super::program;

const WORKER: &str = r#"import { DurableObject } from "cloudflare:workers";
export class Counter extends DurableObject {
  async fetch() {
    const count = ((await this.ctx.storage.get("count")) ?? 0) + 1;
    await this.ctx.storage.put("count", count);
    return Response.json({ count, id: this.ctx.id.toString() });
  }
}
export default {
  async fetch(request, env) {
    const counted = await env.COUNTER.get(env.COUNTER.idFromName("one")).fetch(request);
    return Response.json({ ...env, COUNTER: await counted.json() });
  },
};"#;

const CONFIG: &str = r#"using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "disk", disk = (path = "objects", writable = true)),
    (name = "base", worker = (
      modules = [(name = "worker.js", esModule = embed "worker.js")],
      compatibilityDate = "2026-01-01",
      bindings = [
        (name = "WHO", parameter = (type = (text = void))),
        (name = "MORE", parameter = (type = (json = void), optional = true)),
        (name = "FIXED", text = "of the base"),
        (name = "COUNTER", durableObjectNamespace = "Counter"),
      ],
      durableObjectNamespaces = [(className = "Counter", uniqueKey = "counter")],
    )),
    (name = "a", worker = (inherit = "base",
      bindings = [(name = "WHO", text = "a")],
      durableObjectUniqueKeyModifier = "a", durableObjectStorage = (localDisk = "disk"))),
    (name = "b", worker = (inherit = "a",
      bindings = [(name = "WHO", text = "b"), (name = "MORE", json = "[1]"), (name = "FIXED", text = "of b")],
      durableObjectUniqueKeyModifier = "b", durableObjectStorage = (localDisk = "disk"))),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "a"),
             (name = "b", address = "127.0.0.1:0", http = (), service = "b")],
);"#;

#[test]
fn those_who_inherit_differ_in_their_environment_and_objects() {
    let folder = Folder::new(&[
        ("config.capnp", CONFIG),
        ("worker.js", WORKER),
        ("objects/.keep", ""),
    ]);
    let server = Start::serve(&program(), &folder.path("config.capnp"))
        .folder(folder.root())
        .start();
    let get = |socket: &str| -> Value {
        let answer = tests::http::get(&server.address(socket), "/").unwrap();
        serde_json::from_str(answer.text()).unwrap()
    };
    let a = get("http");
    assert_eq!(a["COUNTER"]["count"], 1);
    assert_eq!(
        (&a["WHO"], &a["FIXED"]),
        (&json!("a"), &json!("of the base"))
    );
    assert!(a.get("MORE").is_none(), "{a}");
    let b = get("b");
    assert_eq!(b["COUNTER"]["count"], 1);
    let own = json!({"WHO": "b", "MORE": [1], "FIXED": "of b", "COUNTER": b["COUNTER"]});
    assert_eq!(b, own);
    assert_ne!(a["COUNTER"]["id"], b["COUNTER"]["id"]);
    assert_eq!(get("http")["COUNTER"]["count"], 2);
}

#[test]
fn a_config_that_is_compiled_keeps_its_inheritance() {
    let folder = Folder::new(&[
        ("config.capnp", CONFIG),
        ("worker.js", WORKER),
        ("objects/.keep", ""),
    ]);
    let compiled = program().run(&[
        "compile".as_ref(),
        "--config-only".as_ref(),
        folder.path("config.capnp").as_os_str(),
    ]);
    assert!(compiled.status.success(), "{compiled:?}");
    std::fs::write(folder.path("config.bin"), compiled.stdout).unwrap();
    let server = Start::serve(&program(), &folder.path("config.bin"))
        .arg("--binary")
        .folder(folder.root())
        .start();
    assert_eq!(server.get("/").status, 200);
}
