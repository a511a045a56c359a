//! Memory caches of several processes: one makes a value, all have it.

use tests::folder::Folder;
use tests::server::Start;

use super::program;

/// Objects run in both processes; each says where, by what its isolate is called.
const WORKER: &str = r#"
import { DurableObject } from "cloudflare:workers";
let isolate;
let made = 0;
export class Reader extends DurableObject {
  where() { return (isolate ??= crypto.randomUUID()); }
  async read(key, how) {
    const make = async () => {
      if (how === "fails") throw new Error("cannot");
      if (how === "slow") await scheduler.wait(30);
      return { value: `${this.where()} ${++made}`, expiration: how === "expires" ? Date.now() + 300 : undefined };
    };
    try { return await this.env.CACHE.read(key, how === "peek" ? undefined : make); } catch (error) { return error.message; }
  }
  delete(key) { this.env.CACHE.delete(key); }
}
const KEYS = Array.from({ length: 6 }, (_, index) => `key ${index} ü\n`);
export default {
  async fetch(request, env) {
    const readers = Array.from({ length: 12 }, (_, index) => env.READER.getByName(`${index}`));
    const each = async (run) => new Set(await Promise.all(readers.map(run)));
    const places = await each((reader) => reader.where());
    const faults = [];
    const check = (is, what) => { if (!is) faults.push(what); };
    check(places.size === 2, `readers are in ${places.size} processes`);
    for (const key of KEYS) {
      const peek = () => each((reader) => reader.read(key, "peek"));
      const none = async (all) => (all = await all, all.size === 1 && all.has(undefined));
      check(await none(peek()), "nothing is there");
      // Whoever is asked at once gets what one makes, and so does who comes later, wherever.
      const first = await each((reader) => reader.read(key, "slow"));
      const later = await each((reader) => reader.read(key));
      check(first.size === 1 && later.size === 1 && [...later][0] === [...first][0], `made more than once: ${[...first, ...later]}`);
      check((await peek()).size === 1, "all see it");
      await readers[KEYS.indexOf(key)].delete(key);
      // The other process hears of it.
      for (let i = 0; i < 100 && !(await none(peek())); i++) await scheduler.wait(10);
      check(await none(peek()), "deleted for all");
      // Who cannot make it leaves it to the next.
      const some = await Promise.all(readers.map((reader, index) => reader.read(key, index % 3 ? "fails" : "slow")));
      const values = new Set(some.filter((value) => value !== "cannot"));
      check(values.size === 1 && some[0] !== "cannot", `some fail: ${some}`);
      await readers[0].delete(key);
      for (let i = 0; i < 100 && !(await none(peek())); i++) await scheduler.wait(10);
      const lasting = await each((reader) => reader.read(key, "expires"));
      await scheduler.wait(400);
      check(lasting.size === 1 && (await none(peek())), "expired for all");
    }
    return Response.json(faults);
  },
};
"#;

const CONFIG: &str = r#"using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = (
    modules = [(name = "worker.js", esModule = embed "worker.js")],
    compatibilityDate = "2026-01-01",
    compatibilityFlags = ["experimental", "memory_cache_delete"],
    durableObjectNamespaces = [(className = "Reader", uniqueKey = "readers")],
    durableObjectStorage = (inMemory = void),
    bindings = [
      (name = "READER", durableObjectNamespace = "Reader"),
      (name = "CACHE", memoryCache = (id = "shared", limits = (maxKeys = 100, maxValueSize = 1000, maxTotalValueSize = 100000))),
    ],
  ))],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
"#;

#[test]
fn processes_share_what_one_of_them_makes() {
    let folder = Folder::new(&[("config.capnp", CONFIG), ("worker.js", WORKER)]);
    let server = Start::serve(&program(), &folder.path("config.capnp"))
        .arg("--experimental")
        .processes(2)
        .start();
    assert_eq!(server.get("/").text(), "[]");
}
