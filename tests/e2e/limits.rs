//! What a worker may use: an event that goes beyond it is ended, and nothing else.

use std::time::{Duration, Instant};

use tests::folder::Folder;
use tests::server::{Server, Start};

use super::program;

const WORKER: &str = "import { DurableObject } from 'cloudflare:workers';
const spin = () => { for (;;); };
const use = (ms) => { const end = performance.now(); let x = 0; for (let i = 0; i < ms * 100000; i++) x += i; return x; };
export class Obj extends DurableObject {
  async add() {
    const count = ((await this.ctx.storage.get('count')) ?? 0) + 1;
    await this.ctx.storage.put('count', count);
    return count;
  }
  spin() { spin(); }
  spinAlone() { return this.ctx.blockConcurrencyWhile(async () => { await scheduler.wait(100); spin(); }); }
}
const told = (call) => call.then(String, (error) => error.message);
export class Slow extends Obj {
  static starts = 0;
  constructor(ctx, env) { super(ctx, env); if (++Slow.starts === 1) spin(); }
}
const paths = {
  // Whoever waits for an object that is reset is told so; the next call starts it anew.
  async waiting(env) {
    const stub = () => env.OBJ.getByName('waiting');
    const first = told(stub().spinAlone());
    await scheduler.wait(20);
    const all = await Promise.all([first, told(stub().add()), told(stub().add())]);
    return new Response([...new Set(all), all.length, await told(stub().add())].join(' | '));
  },
  async slowStart(env) {
    const stub = () => env.SLOW.getByName('a');
    const all = await Promise.all([told(stub().add()), told(stub().add())]);
    return new Response([...new Set(all), all.length, await told(stub().add())].join(' | '));
  },
  sync: spin,
  caught() { for (;;) try { spin(); } catch {} finally { spin(); } },
  async microtasks() { const again = () => Promise.resolve().then(again); await again(); },
  async timer() { setTimeout(spin, 1); await scheduler.wait(100000); },
  async pieces() { for (;;) { use(5); await scheduler.wait(1); } },
  regex: () => new Response(String(/^(a+)+$/.test('a'.repeat(60) + 'b'))),
  background(env, ctx) { ctx.waitUntil(scheduler.wait(1).then(spin)); return new Response('answered'); },
  async patient() { await scheduler.wait(700); return new Response('waited'); },
  async object(env) {
    const stub = env.OBJ.getByName('a');
    const before = await stub.add();
    const error = await stub.spin().catch((error) => error);
    const after = await env.OBJ.getByName('a').add();
    return new Response(`${before} ${error.message} ${after}`);
  },
};
export default {
  fetch: (request, env, ctx) => (paths[new URL(request.url).pathname.slice(1)] ?? (() => new Response('fine')))(env, ctx),
};";

const CONFIG: &str = "using Workerd = import \"/workerd/workerd.capnp\";
const config :Workerd.Config = (
  services = [(name = \"main\", worker = (
    modules = [(name = \"worker\", esModule = embed \"worker.js\")],
    compatibilityDate = \"2026-01-01\",
    bindings = [
      (name = \"OBJ\", durableObjectNamespace = \"Obj\"),
      (name = \"SLOW\", durableObjectNamespace = \"Slow\"),
    ],
    durableObjectNamespaces = [
      (className = \"Obj\", uniqueKey = \"limited\"),
      (className = \"Slow\", uniqueKey = \"slow\"),
    ],
    durableObjectStorage = (inMemory = void),
  ))],
  sockets = [(name = \"http\", address = \"127.0.0.1:0\", http = (), service = \"main\")],
);";

fn serve(worker: &str, limit: &str) -> (Folder, Start) {
    let folder = Folder::new(&[("config.capnp", CONFIG), ("worker.js", worker)]);
    let start = Start::serve(&program(), &folder.path("config.capnp")).arg(limit);
    (folder, start)
}

fn assert_is_over(server: &Server, path: &str, text: &str) {
    let answer = server.get(path);
    assert_eq!((answer.status, answer.text()), (503, text), "{path}");
    let next = server.get("/");
    assert_eq!((next.status, next.text()), (200, "fine"), "after {path}");
}

#[test]
fn events_that_use_too_much_of_the_processor_are_ended() {
    const TEXT: &str = "Worker exceeded CPU time limit.";
    let (_folder, start) = serve(WORKER, "--limit-cpu-ms=150");
    let mut server = start.start();
    for path in [
        "/sync",
        "/caught",
        "/microtasks",
        "/timer",
        "/pieces",
        "/regex",
    ] {
        assert_is_over(&server, path, TEXT);
    }
    // Work after the answer is ended too, and time that passes is not time that is used.
    assert_eq!(server.get("/background").text(), "answered");
    assert_eq!(server.get("/patient").text(), "waited");
    assert_eq!(
        server.get("/object").text(),
        "1 Durable Object exceeded its CPU time limit and was reset. 2"
    );
    const RESET: &str = "Durable Object exceeded its CPU time limit and was reset.";
    assert_eq!(server.get("/waiting").text(), format!("{RESET} | 3 | 1"));
    assert_eq!(server.get("/slowStart").text(), format!("{RESET} | 2 | 1"));
    assert!(server.stop().success());
    let log = server.stderr();
    let told =
        "service main: an event has used more than 150 ms of processor time (--limit-cpu-ms)";
    assert_eq!(log.matches(told).count(), 10, "{log}");
}

/// Each path is a limit and what a worker that has it does.
const LOADER: &str = "
const CODE = `import { DurableObject, WorkerEntrypoint } from 'cloudflare:workers';
const spin = () => { for (;;); };
const paths = {
  spin,
  async timer() { setTimeout(spin, 1); await scheduler.wait(100000); },
  async asks(env) {
    const told = [];
    const all = [() => fetch('http://a/'), () => env.ECHO.fetch('http://a/'), () => env.ECHO.hello(), () => fetch('http://a/')];
    for (const ask of all) {
      try { await ask(); told.push('made'); } catch (error) { told.push(error.message); }
    }
    return new Response(told.join());
  },
  fine: () => new Response('fine'),
};
export default class extends WorkerEntrypoint {
  fetch(request) { return paths[new URL(request.url).pathname.slice(1)](this.env); }
}
export class Obj extends DurableObject { spin() { spin(); } asks() { return paths.asks(this.env).then((response) => response.text()); } }
`;
import { DurableObject, WorkerEntrypoint } from 'cloudflare:workers';
export class Echo extends WorkerEntrypoint {
  fetch() { return new Response('echo'); }
  hello() { return 'hello'; }
}
const load = (env, ctx, limits) => env.LOADER.load({
  compatibilityDate: '2026-01-01', mainModule: 'm.js', modules: { 'm.js': CODE }, limits,
  env: { ECHO: ctx.exports.Echo({}) }, globalOutbound: ctx.exports.Echo({}),
});
const ask = async (entrypoint, path) => {
  try { return await (await entrypoint.fetch('http://a/' + path)).text(); } catch (error) { return error.message; }
};
export class Parent extends DurableObject {
  async run(limits, method) {
    const worker = load(this.env, this.ctx, {});
    const facet = this.ctx.facets.get(method, () => ({ class: worker.getDurableObjectClass('Obj', { limits }) }));
    try { return await facet[method](); } catch (error) { return error.message; }
  }
}
const paths = {
  async code(env, ctx, limits, path) {
    const entrypoint = load(env, ctx, limits).getEntrypoint();
    return [await ask(entrypoint, path), await ask(entrypoint, 'fine')];
  },
  // What an entrypoint is given narrows what its worker has.
  async entrypoint(env, ctx, limits, path) {
    const worker = load(env, ctx, { cpuMs: 100000, subRequests: 3 });
    return [await ask(worker.getEntrypoint(undefined, { limits }), path), await ask(worker.getEntrypoint(), 'asks')];
  },
  object: (env, ctx, limits, path) => env.PARENT.getByName('a').run(limits, path),
};
export default {
  async fetch(request, env, ctx) {
    const [how, path, limits] = new URL(request.url).pathname.slice(1).split('/');
    return Response.json(await paths[how](env, ctx, JSON.parse(decodeURIComponent(limits)), path));
  },
};";

#[test]
fn workers_that_are_loaded_with_limits_have_them() {
    let config = CONFIG
        .replace(
            "2026-01-01\"",
            "2026-04-01\",\n compatibilityFlags = [\"experimental\"]",
        )
        .replace(
            "(name = \"OBJ\", durableObjectNamespace = \"Obj\"),",
            "(name = \"LOADER\", workerLoader = ()),",
        )
        .replace(
            "(name = \"SLOW\", durableObjectNamespace = \"Slow\")",
            "(name = \"PARENT\", durableObjectNamespace = \"Parent\")",
        )
        .replace(
            "(className = \"Slow\", uniqueKey = \"slow\")",
            "(className = \"Parent\", uniqueKey = \"parent\")",
        )
        .replace("(className = \"Obj\", uniqueKey = \"limited\"),", "");
    let folder = Folder::new(&[("config.capnp", &config), ("worker.js", LOADER)]);
    let start = Start::serve(&program(), &folder.path("config.capnp"));
    let mut server = start.arg("--experimental").start();
    const CPU: &str = "Worker exceeded CPU time limit.";
    const MANY: &str = "Too many subrequests by single Worker invocation.";
    for (path, told) in [
        ("code/spin/{\"cpuMs\":30}", format!(r#"["{CPU}","fine"]"#)),
        ("code/timer/{\"cpuMs\":30}", format!(r#"["{CPU}","fine"]"#)),
        (
            "code/asks/{\"subRequests\":2}",
            format!(r#"["made,made,{MANY},{MANY}","fine"]"#),
        ),
        (
            "code/asks/{\"cpuMs\":5000}",
            r#"["made,made,made,made","fine"]"#.to_owned(),
        ),
        (
            "entrypoint/spin/{\"cpuMs\":30}",
            format!(r#"["{CPU}","made,made,made,{MANY}"]"#),
        ),
        (
            "entrypoint/asks/{\"subRequests\":9}",
            format!(r#"["made,made,made,{MANY}","made,made,made,{MANY}"]"#),
        ),
        (
            "object/asks/{\"subRequests\":0}",
            format!(r#""{MANY},{MANY},{MANY},{MANY}""#),
        ),
        (
            "object/spin/{\"cpuMs\":30}",
            r#""Durable Object exceeded its CPU time limit and was reset.""#.to_owned(),
        ),
    ] {
        let answer = server.get(&format!("/{}", path.replace('"', "%22")));
        assert_eq!(answer.text(), told, "{path}");
    }
    assert!(server.stop().success());
    let log = server.stderr();
    let told =
        "an event has used more than 30 ms of processor time (its limits.cpuMs) and was ended";
    assert_eq!(log.matches(told).count(), 4, "{log}");
}

const GREEDY: &str = "import { DurableObject } from 'cloudflare:workers';
const kept = [];
const fill = (list) => { for (;;) list.push({ number: list.length, text: 'x' + list.length }); };
export class Obj extends DurableObject {
  async add() {
    const count = ((await this.ctx.storage.get('count')) ?? 0) + 1;
    await this.ctx.storage.put('count', count);
    return count;
  }
  fillAlone() { return this.ctx.blockConcurrencyWhile(async () => { await scheduler.wait(100); fill([]); }); }
}
export class Slow extends Obj {}
const told = (call) => call.then(String, (error) => error.message);
const paths = {
  // Calls an object whose isolate fills up meanwhile, if that is not the caller's own, too.
  async waiting(env) {
    const stub = () => env.OBJ.getByName('waiting');
    const first = told(stub().fillAlone());
    await scheduler.wait(20);
    return new Response((await Promise.all([first, told(stub().add()), told(stub().add())])).join(' | '));
  },
  add: async (env) => new Response(await told(env.OBJ.getByName('waiting').add())),
  fill: () => fill([]),
  arrays() { for (const all = []; ; ) all.push(new Array(1e6).fill(1.5)); },
  text() { for (let text = 'x'; ; text += text + text.length) kept.push(text.split('')); },
  large: () => new Response(String(new Array(3e7).fill({}).length)),
  keep() { for (let i = 0; i < 1e5; i++) kept.push({ i, text: 'kept' + i }); return new Response(kept.length); },
  count: () => new Response(String(kept.length)),
  async wait() { await scheduler.wait(60000); },
  async object(env) { return new Response(String(await env.OBJ.getByName('a').add())); },
  async received(env, ctx) {
    const all = [];
    const chunk = 'x'.repeat(65536);
    const body = new Response(new ReadableStream({ pull: (c) => c.enqueue(new TextEncoder().encode(chunk)) })).body;
    for await (const bytes of body.pipeThrough(new IdentityTransformStream())) all.push(bytes);
  },
  async encrypted() {
    const data = new Uint8Array(1 << 20);
    const key = await crypto.subtle.generateKey({ name: 'AES-GCM', length: 128 }, true, ['encrypt']);
    const encrypt = () => crypto.subtle.encrypt({ name: 'AES-GCM', iv: new Uint8Array(12) }, key, data);
    for (let i = 0; i < 300; i++) await encrypt();
    console.error('what is let go of does not count');
    for (const all = []; ; ) all.push(await encrypt());
  },
};
export default {
  fetch: (request, env, ctx) => (paths[new URL(request.url).pathname.slice(1)] ?? (() => new Response('fine')))(env, ctx),
};";

#[test]
fn isolates_that_use_too_much_memory_are_replaced_and_nothing_else() {
    const TEXT: &str = "Worker exceeded memory limit.";
    let (_folder, start) = serve(GREEDY, "--limit-heap-mb=48");
    let mut server = start.processes(2).start();
    let processes = server.tree();
    assert_eq!(server.get("/object").text(), "1");
    for path in ["/fill", "/arrays", "/text", "/received", "/encrypted"] {
        assert_is_over(&server, path, TEXT);
    }
    server.complaint("what is let go of does not count");
    // One large object may come through, and is the isolate's last.
    server.get("/large");
    assert_eq!(server.get("/").text(), "fine");
    // What is kept from request to request counts, and goes with the isolate.
    // Where that shows when the answer is made, there is one, and the next finds nothing.
    let begun = (0..200).filter(|_| {
        let answer = server.get("/keep");
        answer.status == 503 || answer.text() == "100000"
    });
    assert!(begun.count() > 2, "nothing bounds what is kept");
    // What waited in the same isolate fails with it; which process answers is chance.
    let address = server.address("http");
    let waiting: Vec<_> = (0..8)
        .map(|_| {
            let address = address.clone();
            std::thread::spawn(move || {
                tests::http::get(&address, "/wait").map(|answer| answer.status)
            })
        })
        .collect();
    while waiting.iter().any(|thread| !thread.is_finished()) {
        assert_eq!(server.get("/fill").status, 503);
    }
    for thread in waiting {
        assert_eq!(thread.join().expect("no panic").expect("an answer"), 503);
    }
    // So do those who wait for an object in it, here or in another process; the next call starts it anew.
    const RESET: &str = "Durable Object's isolate exceeded its memory limit and was reset.";
    let mut from_elsewhere = 0;
    for round in 1..100 {
        let answer = server.get("/waiting");
        if answer.status == 200 {
            assert_eq!(answer.text(), [RESET; 3].join(" | "));
            from_elsewhere += 1;
        } else {
            assert_eq!((answer.status, answer.text()), (503, TEXT));
        }
        assert_eq!(server.get("/add").text(), round.to_string());
        if from_elsewhere > 0 && from_elsewhere < round {
            break;
        }
    }
    // Objects have what they stored, and no process was lost.
    assert_eq!(server.get("/object").text(), "2");
    assert_eq!(server.tree(), processes);
    assert!(server.stop().success());
}

#[test]
fn code_that_never_ends_at_the_start_is_an_error_of_the_config() {
    let (_folder, start) = serve("for (;;);", "--limit-cpu-ms=100");
    let began = Instant::now();
    let mut server = start.spawn();
    assert_eq!(server.wait_for_end().code(), Some(1));
    assert!(began.elapsed() < Duration::from_secs(20));
    let log = server.stderr();
    assert!(
        log.contains("Script startup exceeded CPU time limit."),
        "{log}"
    );
}
