// Workers made of code that comes at run time: what they are made of, who may call them, and how long they are there.
import { DurableObject, WorkerEntrypoint } from "cloudflare:workers";
import { deepStrictEqual, ok, rejects, strictEqual, throws } from "node:assert";

export class Greeter extends WorkerEntrypoint {
  greet(name) {
    return `${this.ctx.props.greeting}, ${name}`;
  }
}

export const Outbound = {
  fetch: (request) => new Response(`to ${request.url}`),
};

export class Child extends DurableObject {
  greet() {
    return `a facet: ${this.ctx.props.name}`;
  }
}

/** What tail workers are told: of whole events, and of the parts of one. */
const told = [];

export const Watcher = {
  tail: (events) => void told.push(...events.map(({ entrypoint, logs }) => [entrypoint, logs[0].message])),
  tailStream: ({ event }) => {
    told.push([event.type, event.info.type]);
    return ({ event }) => void told.push(event.type);
  },
};

const code = (main, more = {}) => ({ compatibilityDate: "2026-01-01", mainModule: "main.js", modules: { "main.js": main }, ...more });
const answering = (expression) => code(`export default { ask(argument, env, ctx) { return ${expression}; } }`);
const counter = code("let count = 0; export default { next() { return ++count; } }");
const typeError = (message) => ({ name: "TypeError", message });
const NOT_TRANSFERABLE = { name: "DataCloneError", message: /^Entrypoints to dynamically-loaded workers cannot be transferred/ };

export const modules = {
  async test(controller, { LOADER }) {
    const main = `
      import text from "./text.txt";
      import json from "./data/json";
      import data from "bytes";
      import common from "./common.cjs";
      import { helper } from "./helper.js";
      export default { ask: () => [text, json.a[0], [...new Uint8Array(data)], common.value, helper()] };`;
    const worker = LOADER.load({
      compatibilityDate: "2026-01-01",
      mainModule: "main.js",
      modules: {
        "text.txt": { text: "text" },
        "data/json": { json: { a: [1] } },
        bytes: { data: new DataView(new Uint8Array([1, 2, 3]).buffer, 1) },
        "common.cjs": { cjs: "module.exports = { value: 4 };" },
        "main.js": main,
        "helper.js": { js: "export const helper = () => 'helped';" },
      },
    });
    deepStrictEqual(await worker.getEntrypoint().ask(0), ["text", 1, [2, 3], 4, "helped"]);
  },
};

export const environment = {
  async test(controller, { LOADER }, { exports }) {
    const greeter = exports.Greeter({ props: { greeting: "hello" } });
    const env = { number: 1, map: new Map([["a", new Date(5)]]), greeter };
    const worker = LOADER.load({
      ...answering("(async () => [Object.keys(env).join(), +env.map.get('a'), await env.greeter.greet('you'), ctx.props.own])()"), env,
    });
    const entrypoint = worker.getEntrypoint(undefined, { props: { own: "props" } });
    deepStrictEqual(await entrypoint.ask(0), ["number,map,greeter", 5, "hello, you", "props"]);
    throws(() => LOADER.load({ ...counter, env: { f: () => 1 } }), { name: "DataCloneError" });
    throws(() => LOADER.load({ ...counter, env: { text: "a".repeat(1 << 20) } }), {
      name: "Error", message: /^Dynamic Worker env size \(\d+ bytes\) exceeds the maximum allowed size of 1048576 bytes\.$/,
    });
  },
};

export const outbound = {
  async test(controller, { LOADER }, { exports }) {
    const fetching = answering("fetch('http://far/away').then((response) => response.text())");
    const ask = (more) => LOADER.load({ ...fetching, ...more }).getEntrypoint().ask(0);
    strictEqual(await ask({}), "to http://far/away");
    strictEqual(await ask({ globalOutbound: exports.Outbound }), "to http://far/away");
    await rejects(ask({ globalOutbound: null }), { message: /^This worker is not permitted to access the internet/ });
  },
};

export const names = {
  async test(controller, { LOADER, SHARED, SHARED_TOO }) {
    let loads = 0;
    const load = (loader, name) => loader.get(name, async () => {
      loads++;
      return counter;
    }).getEntrypoint();
    strictEqual(await load(LOADER, "a").next(0), 1);
    strictEqual(await load(LOADER, "a").next(0), 2);
    strictEqual(await load(LOADER, "b").next(0), 1);
    strictEqual(await load(SHARED, "a").next(0), 1);
    strictEqual(await load(SHARED_TOO, "a").next(0), 2);
    strictEqual(await load(LOADER, null).next(0), 1);
    strictEqual(await load(LOADER, undefined).next(0), 1);
    strictEqual(loads, 5);
  },
};

export const callsArriveInOrder = {
  async test(controller, { LOADER }) {
    const entrypoint = LOADER.load(counter).getEntrypoint();
    const calls = [entrypoint.next(0), entrypoint.next(0)];
    await scheduler.wait(1);
    calls.push(entrypoint.next(0));
    deepStrictEqual(await Promise.all(calls), [1, 2, 3]);
  },
};

export const failures = {
  async test(controller, { LOADER }) {
    const ask = (given) => LOADER.load(given).getEntrypoint().ask(0);
    await rejects(ask(code("throw new RangeError('no')")), { name: "Error", message: /^Failed to start Worker:\nUncaught RangeError: no/ });
    await rejects(ask(code("export default {")), { message: /^Failed to start Worker:\nUncaught SyntaxError/ });
    await rejects(ask({ ...counter, mainModule: "other.js" }), { message: "Failed to start Worker:\nUncaught Error: No such module: other.js" });
    await rejects(LOADER.load(counter).getEntrypoint("none").ask(0), { message: "Worker has no such entrypoint: none" });
    await rejects(ask(answering("(() => { throw new TypeError('thrown'); })()")), { name: "TypeError", message: "thrown", remote: true });
    // A name whose code could not be had stays without.
    const failing = () => LOADER.get("failing", () => { throw new TypeError("no code"); }).getEntrypoint();
    await rejects(failing().ask(0), typeError("no code"));
    await rejects(LOADER.get("failing", () => counter).getEntrypoint().next(0), typeError("no code"));
    await rejects(LOADER.get(null, () => 3).getEntrypoint().ask(0), typeError("Callback returned incorrect type; expected 'Promise'"));
    await rejects(LOADER.get(null, async () => 3).getEntrypoint().ask(0),
      typeError("Incorrect type for Promise: the Promise did not resolve to 'WorkerCode'."));
  },
};

export const badCode = {
  test(controller, { LOADER }) {
    const load = (more) => () => LOADER.load({ ...counter, ...more });
    throws(() => LOADER.get("a"), typeError("Failed to execute 'get' on 'WorkerLoader': parameter 2 is not of type 'function'."));
    throws(() => LOADER.load(1), typeError("Failed to execute 'load' on 'WorkerLoader': parameter 1 is not of type 'WorkerCode'."));
    throws(load({ modules: {} }), typeError("Dynamic Worker code must contain at least one module."));
    throws(load({ modules: 3 }), typeError("Incorrect type for the 'modules' field on 'WorkerCode': the provided value is not of type 'object'."));
    throws(load({ modules: { a: "x" } }), { name: "TypeError", message: /^Module name must end with '\.js' or '\.py'.*Got: a$/ });
    throws(load({ modules: { "a.ts": "x" } }), { name: "TypeError", message: /bundle it first with '@cloudflare\/worker-bundler'/ });
    throws(load({ modules: { a: {} } }), { name: "TypeError", message: /Module 'a' contained 0 properties\.$/ });
    throws(load({ modules: { a: { js: "", text: "" } } }), { name: "TypeError", message: /Module 'a' contained 2 properties\.$/ });
    throws(load({ modules: { a: { data: "x" } } }), typeError("Incorrect type for the 'data' field on 'Module': the provided value is not of type 'Array'."));
    throws(load({ modules: { "main.js": "", "a.py": "" } }), { name: "TypeError", message: /is a Python module/ });
    throws(load({ compatibilityDate: "x" }), { name: "Error", message: "Invalid compatibility date: x" });
    throws(load({ compatibilityFlags: ["nope"] }), { name: "Error", message: "No such compatibility flag: nope" });
    throws(load({ compatibilityFlags: ["experimental"] }), { name: "Error" });
    throws(load({ env: 3 }), typeError("Incorrect type for the 'env' field on 'WorkerCode': the provided value is not of type 'Object'."));
    throws(load({ globalOutbound: 3 }), { name: "TypeError" });
    throws(load({ limits: { cpuMs: -1 } }), { name: "TypeError" });
    const worker = LOADER.load(counter);
    throws(() => worker.getEntrypoint("default", 3), { name: "TypeError" });
    throws(() => worker.getEntrypoint("default", { props: 3 }), { name: "TypeError" });
    strictEqual(typeof WorkerLoader, "undefined");
  },
};

export const stubsStayHere = {
  async test(controller, { LOADER }, { exports }) {
    const worker = LOADER.load(counter);
    const greeter = exports.Greeter({ props: { greeting: "hello" } });
    await rejects(async () => await greeter.greet(worker.getEntrypoint()), NOT_TRANSFERABLE);
    throws(() => LOADER.load({ ...counter, env: { stub: worker.getEntrypoint() } }), NOT_TRANSFERABLE);
    throws(() => LOADER.load({ ...counter, globalOutbound: worker.getEntrypoint() }), NOT_TRANSFERABLE);
    throws(() => exports.Greeter({ props: { kept: worker.getDurableObjectClass("X") } }), NOT_TRANSFERABLE);
    const own = LOADER.load(code(
      `import { WorkerEntrypoint } from "cloudflare:workers";
      export class Other extends WorkerEntrypoint { name() { return "other " + this.ctx.props.x; } }
      export default class extends WorkerEntrypoint {
        async use() { return await this.ctx.exports.Other({ props: { x: 1 } }).name(); }
        give() { return this.ctx.exports.Other({ props: { x: 1 } }); }
      }`,
    )).getEntrypoint();
    strictEqual(await own.use(), "other 1");
    await rejects(own.give(), NOT_TRANSFERABLE);
  },
};

export class Parent extends DurableObject {
  async run() {
    const worker = this.env.LOADER.get("facets", () => code(
      `import { DurableObject } from "cloudflare:workers";
      export class Facet extends DurableObject {
        async count() {
          const count = ((await this.ctx.storage.get("count")) ?? 0) + 1;
          await this.ctx.storage.put("count", count);
          return count;
        }
        child() {
          return this.ctx.facets.get("child", () => ({ class: this.ctx.props.class })).greet();
        }
      }`,
    ));
    const props = { class: this.ctx.exports.Child({ props: { name: "child" } }) };
    const facet = this.ctx.facets.get("facet", () => ({ class: worker.getDurableObjectClass("Facet", { props }) }));
    return [await facet.count(), await facet.count(), await facet.child()];
  }
}

export const facets = {
  async test(controller, env, { exports }) {
    deepStrictEqual(await exports.Parent.getByName("one").run(), [1, 2, "a facet: child"]);
  },
};

export const abortedIsolates = {
  async test(controller, { LOADER }) {
    const get = () => LOADER.get("aborting", () => code(
      `import { abortIsolate } from "cloudflare:workers";
      let count = 0;
      export default { next() { return ++count; }, abort() { try { abortIsolate("why"); } finally { count = 100; } } }`,
    )).getEntrypoint();
    strictEqual(await get().next(0), 1);
    await rejects(get().abort(0), { message: /^internal error; reference = / });
    strictEqual(await get().next(0), 1);
  },
};

export const manyWorkers = {
  async test(controller, { LOADER }) {
    // More than there are isolates at once: the first ones are started again when they are called.
    const workers = [];
    for (let i = 0; i < 120; i++) {
      const entrypoint = LOADER.load(answering(i)).getEntrypoint();
      strictEqual(await entrypoint.ask(0), i);
      workers.push(entrypoint);
    }
    for (const i of [0, 60, 119]) strictEqual(await workers[i].ask(0), i);
    ok(workers.length > 100);
  },
};

export const tails = {
  async test(controller, { LOADER }, { exports }) {
    const main = "export default { fetch() { console.log('traced'); return new Response('x'); } }";
    const traced = (more) => LOADER.load(code(main, more)).getEntrypoint();
    const until = async (count) => {
      for (let i = 0; i < 200 && told.length < count; i++) await scheduler.wait(5);
      return told.splice(0);
    };
    await (await traced({ tails: [exports.Watcher] }).fetch("http://x/")).text();
    deepStrictEqual(await until(1), [[undefined, ["traced"]]]);
    const streaming = traced({ streamingTails: [exports.Watcher], allowExperimental: true });
    await (await streaming.fetch("http://x/")).text();
    deepStrictEqual(await until(4), [["onset", "fetch"], "log", "return", "outcome"]);
    throws(() => traced({ streamingTails: [exports.Watcher] }), { message: /^Streaming tail workers are experimental\./ });
    throws(() => traced({ tails: [1] }), { name: "TypeError" });
  },
};
