// Stubs in what Durable Objects store, and `ctx.restore()`, by which workers make stubs that can be.
import { DurableObject, RpcStub, RpcTarget, WorkerEntrypoint, restore } from "cloudflare:workers";
import { deepStrictEqual, rejects, strictEqual } from "node:assert";

const NOT_ALLOWED = {
  name: "DataCloneError",
  message:
    "Cannot store this stub because the target worker does not have the allow_irrevocable_stub_storage compatibility flag enabled.",
};

let restored = [];

class Counter extends RpcTarget {
  constructor(start) {
    super();
    this.count = start;
  }
  add(amount) {
    return (this.count += amount);
  }
}

export class Greeter extends WorkerEntrypoint {
  greet(name) {
    return `${this.ctx.props.greeting}, ${name}`;
  }
}

export class Keeper extends DurableObject {
  async [restore](params) {
    restored.push(params.kind);
    if (params.kind === "counter") return new RpcStub(new Counter(params.start));
    if (params.kind === "function") return (value) => [value, params.start];
    if (params.kind === "greeter") return this.ctx.exports.Greeter({ props: { greeting: `restored ${params.start}` } });
    if (params.kind === "using") return params.service;
    return 5;
  }

  put(key, value) {
    return this.ctx.storage.put(key, value);
  }

  async greet(key) {
    return await (await this.ctx.storage.get(key)).greet("you");
  }

  async restoring() {
    const { storage } = this.ctx;
    const make = (kind, more) => this.ctx.restore({ kind, start: 1, ...more });
    const counter = await make("counter");
    strictEqual(await counter.add(1), 2);
    await storage.put("stubs", { counter, list: [await make("function")] });
    const { counter: other, list } = await storage.get("stubs");
    strictEqual(await other.add(5), 6);
    deepStrictEqual(await list[0]("called"), ["called", 1]);
    storage.kv.put("service", await make("greeter"));
    strictEqual(await storage.kv.get("service").greet("you"), "restored 1, you");
    storage.kv.put("using", await make("using", { service: this.ctx.exports.Greeter({ props: { greeting: "argument" } }) }));
    strictEqual(await storage.kv.get("using").greet("you"), "argument, you");
    // The value that comes in place of stubs has none.
    await storage.put("stubs", "plain");
    strictEqual(await storage.get("stubs"), "plain");
    await rejects(make("nothing"), { name: "TypeError", message: "The [restore]() method must return a ServiceStub or RpcStub." });
    await rejects(storage.put("plain", new RpcStub(new Counter(0))), {
      name: "DataCloneError", message: "RpcStub cannot be serialized in this context because it is not a persistent stub.",
    });
    await rejects(async () => await storage.put("callable", this.ctx.exports.Greeter), {
      name: "DataCloneError",
      message: 'Could not serialize object of type "LoopbackServiceStub". This type does not support serialization.',
    });
    const undone = storage.transaction(async (transaction) => {
      await transaction.put("undone", counter);
      transaction.rollback();
    });
    await undone;
    strictEqual(await storage.get("undone"), undefined);
    await storage.put("undone", 1);
    strictEqual(await storage.get("undone"), 1);
  }
}

export const services = {
  async test(controller, env, { exports }) {
    const keeper = exports.Keeper.getByName("services");
    await keeper.put("greeter", exports.Greeter({ props: { greeting: "hello" } }));
    strictEqual(await keeper.greet("greeter"), "hello, you");
    // Neither bindings nor the stubs of those who do not allow it.
    await rejects(async () => await keeper.put("binding", env.SELF), NOT_ALLOWED);
    await rejects(async () => await keeper.put("object", env.KEEPERS.getByName("x")), NOT_ALLOWED);
    await rejects(async () => await keeper.put("other", await env.OTHER.mint()), NOT_ALLOWED);
    await keeper.put("own object", exports.Keeper.getByName("x"));
  },
};

export const restoration = {
  async test(controller, env, { exports }) {
    restored = [];
    await exports.Keeper.getByName("restoring").restoring();
    deepStrictEqual(restored.filter((kind) => kind === "greeter").length, 2);
  },
};

export const loadedWorkers = {
  async test(controller, { LOADER }, { exports }) {
    const main = `import { WorkerEntrypoint } from "cloudflare:workers";
      export default class extends WorkerEntrypoint {
        async props() { return [await this.ctx.props.greeter.greet("props"), await this.env.greeter.greet("env")]; }
      }`;
    const greeter = exports.Greeter({ props: { greeting: "to" } });
    const worker = LOADER.load({ compatibilityDate: "2026-01-01", mainModule: "m.js", modules: { "m.js": main }, env: { greeter } });
    deepStrictEqual(await worker.getEntrypoint(null, { props: { greeter } }).props(), ["to, props", "to, env"]);
  },
};
