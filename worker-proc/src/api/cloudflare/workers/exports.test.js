// ctx.exports and ctx.props: what stands for each kind of entrypoint, and what props may hold.
import { deepStrictEqual, ok, rejects, strictEqual, throws } from "node:assert";
import { DurableObject, RpcStub, RpcTarget, WorkerEntrypoint, exports, withEnv, withExports, env as given } from "cloudflare:workers";

export class Entry extends WorkerEntrypoint {
  props() {
    return this.ctx.props;
  }

  async call(name) {
    return this.ctx.props[name].props();
  }

  fetch() {
    return Response.json(this.ctx.props);
  }
}

export class Stored extends DurableObject {
  named() {
    return this.ctx.id.name;
  }

  own() {
    return [Object.keys(this.ctx.exports).length, this.ctx.props, this.ctx.container];
  }
}

export class Passing extends DurableObject {
  what() {
    return [this.ctx.id, this.ctx.storage];
  }
}

export class Bare extends DurableObject {}

export const plain = {
  props: (_, env, ctx) => ctx.props,
  fetch: (request, env, ctx) => Response.json(ctx.props),
  take: (value) => value.constructor.name,
};

const kind = (value) => Object.prototype.toString.call(value).slice(8, -1);

export const kinds = {
  async test(_, env, ctx) {
    deepStrictEqual(Object.keys(ctx.exports).sort(), [
      "Bare", "Entry", "Passing", "Stored", "kinds", "plain", "props", "refused", "sent", "views",
    ]);
    const { Bare: Class, Entry: Loopback, Passing: Local, Stored: Namespace, plain: Plain, nothing } = ctx.exports;
    deepStrictEqual([Class, Loopback, Local, Namespace, Plain].map(kind), [
      "LoopbackDurableObjectClass", "LoopbackServiceStub", "LoopbackColoLocalActorNamespace",
      "LoopbackDurableObjectNamespace", "LoopbackServiceStub",
    ]);
    strictEqual(nothing, undefined);
    for (const value of [Class, Loopback, Local, Namespace, Plain]) strictEqual(typeof value, "function");
    strictEqual(await Namespace.getByName("alice").named(), "alice");
    strictEqual(await Namespace.get(Namespace.idFromName("bob")).named(), "bob");
    deepStrictEqual(await Namespace.get(Namespace.newUniqueId()).own(), [10, {}, undefined]);
    deepStrictEqual(await Local.get("here").what(), ["here", undefined]);
    deepStrictEqual([Class({}), Local({}), Namespace({ props: { a: 1 } }), env.Class].map(kind), Array(4).fill("DurableObjectClass"));
    throws(() => Namespace(), /Failed to execute '\(called as function\)' on 'LoopbackDurableObjectNamespace': parameter 1 is not of type 'Options'/);
    strictEqual(exports.Stored, Namespace);
    strictEqual(ctx.exports, ctx.exports);
  },
};

export const props = {
  async test(_, env, ctx) {
    const { Entry: Loopback, plain: Plain } = ctx.exports;
    deepStrictEqual(await env.Bound.props(), { from: ["config"] });
    strictEqual(await env.False.props(), false);
    deepStrictEqual(await Loopback.props(), {});
    deepStrictEqual(await Loopback({}).props(), {});
    deepStrictEqual(await Loopback(null).props(), {});
    const rich = { at: new Date(0), map: new Map([[1, { big: 2n }]]), none: undefined, bytes: new Uint8Array([7]), re: /x/g };
    deepStrictEqual(await Loopback({ props: rich }).props(), rich);
    deepStrictEqual(await Plain({ props: { q: 1 } }).props(0), { q: 1 });
    strictEqual(await (await Plain({ props: { q: 1 } }).fetch("http://x")).text(), '{"q":1}');
    strictEqual(await (await Loopback({ props: [1] }).fetch("http://x")).text(), "[1]");
    deepStrictEqual(await new Loopback({ props: { n: 1 } }).props(), { n: 1 });
    const before = { list: [1] };
    const stub = Loopback({ props: before });
    before.list.push(2);
    deepStrictEqual(await stub.props(), { list: [1] });
    // Props may hold services, whose props may.
    const outer = Loopback({ props: { bound: env.Bound, inner: Loopback({ props: { deep: { svc: stub } } }), object: ctx.exports.Stored.getByName("c") } });
    deepStrictEqual(await outer.call("bound"), { from: ["config"] });
    const held = await outer.props();
    strictEqual(await held.object.named(), "c");
    deepStrictEqual(await (await held.inner.props()).deep.svc.props(), { list: [1] });
    ctx.props = 5;
    ctx.exports = 6;
    deepStrictEqual([ctx.props, ctx.exports], [5, 6]);
  },
};

export const refused = {
  async test(_, env, ctx) {
    const { Entry: Loopback, Passing: Local } = ctx.exports;
    const PARAMETER = /Failed to execute '\(called as function\)' on 'LoopbackServiceStub': parameter 1 is not of type 'Options'\./;
    for (const args of [[], [5], ["x"]]) throws(() => Loopback(...args), { name: "TypeError", message: PARAMETER });
    throws(() => Loopback({ props: 5 }), {
      name: "TypeError", message: "Incorrect type for the 'props' field on 'Options': the provided value is not of type 'Object'.",
    });
    const cannot = (value, message) => throws(() => Loopback({ props: { value } }), { name: "DataCloneError", message });
    cannot(() => {}, "() => {} could not be cloned.");
    cannot(new (class extends RpcTarget {})(), "Remote RPC references can only be serialized for RPC.");
    cannot(new RpcStub(() => {}), /^RpcStub cannot be serialized in this context/);
    cannot(new ReadableStream(), "ReadableStream can only be serialized for RPC.");
    cannot(Loopback, 'Could not serialize object of type "LoopbackServiceStub". This type does not support serialization.');
    cannot(Local, 'Could not serialize object of type "LoopbackColoLocalActorNamespace". This type does not support serialization.');
    cannot(Local.get("x"), "Stubs pointing to ephemeral objects are not serializable.");
    cannot(new (class Mine {})(), 'Could not serialize object of type "Mine". This type does not support serialization.');
  },
};

export const sent = {
  async test(_, env, ctx) {
    const { Bare: Class, Entry: Loopback, plain: Plain } = ctx.exports;
    strictEqual(await Plain.take(Class({ props: { a: 1 } })), "DurableObjectClass");
    strictEqual(await Plain.take(env.Class), "DurableObjectClass");
    const refusal = (name) => ({ name: "DataCloneError", message: `Could not serialize object of type "${name}". This type does not support serialization.` });
    await rejects(Plain.take(Class), refusal("LoopbackDurableObjectClass"));
    await rejects(Plain.take(Loopback), refusal("LoopbackServiceStub"));
    throws(() => structuredClone(Class({})), { name: "DataCloneError", message: "DurableObjectClass cannot be serialized in this context." });
  },
};

/** `env` and `exports` of cloudflare:workers, and what stands in for them. */
export const views = {
  async test() {
    await withExports({ mine: 1 }, async () => {
      await scheduler.wait(1);
      deepStrictEqual({ ...exports }, { mine: 1 });
    });
    for (const none of [null, undefined]) withExports(none, () => strictEqual(exports.Stored, undefined));
    for (const none of [null, undefined]) withEnv(none, () => strictEqual(given.Bound, undefined));
    for (const odd of ["text", 5]) withExports(odd, () => ok(exports.Stored));
    for (const odd of ["text", 5]) withEnv(odd, () => ok(given.Bound));
    ok(exports.views);
  },
};
