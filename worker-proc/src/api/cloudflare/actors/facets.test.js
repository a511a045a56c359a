// ctx.facets: classes, ids, props, storage, failures, ends.
import { deepStrictEqual, match, rejects, strictEqual, throws } from "node:assert";
import { DurableObject, RpcTarget } from "cloudflare:workers";

const CLASS_FIELD =
  /Incorrect type for the 'class' field on 'StartupOptions': the provided value is not of type 'DurableObjectClass or LoopbackDurableObjectNamespace or LoopbackColoLocalActorNamespace'\./;

class Counter extends RpcTarget {
  n = 0;
  next() {
    return ++this.n;
  }
}

export class Child extends DurableObject {
  calls = 0;

  async bump() {
    this.calls++;
    const stored = ((await this.ctx.storage.get("stored")) ?? 0) + 1;
    await this.ctx.storage.put("stored", stored);
    return [this.calls, stored];
  }

  describe() {
    const { id, props } = this.ctx;
    return { id: String(id), type: typeof id, name: id.name, props };
  }

  async keys() {
    return [...(await this.ctx.storage.list()).keys()];
  }

  nested(depth) {
    const inner = this.ctx.facets.get("inner", () => ({ class: this.ctx.exports.Child }));
    return depth === 0 ? inner.bump() : inner.nested(depth - 1);
  }

  counter() {
    return new Counter();
  }

  give() {
    return this.ctx.facets.get("inner", () => ({ class: this.ctx.exports.Child }));
  }

  callBack(f) {
    return f(20);
  }

  fetch(request) {
    return new Response(`child ${new URL(request.url).pathname}`);
  }

  fail() {
    throw new TypeError("child failed");
  }

  reset() {
    this.ctx.abort("child reset");
  }

  async setAlarm() {
    await this.ctx.storage.setAlarm(Date.now() + 60_000);
  }

  alarm() {}

  async hang() {
    await new Promise((resolve) => setTimeout(resolve, 100_000));
  }
}

export class Failing extends DurableObject {
  constructor(ctx, env) {
    super(ctx, env);
    throw new RangeError("no child");
  }

  any() {}
}

export class Passing extends Child {}

export class Old {
  fetch() {
    return new Response("old");
  }
}

export class Parent extends DurableObject {
  starts = 0;

  child(name, Class = this.ctx.exports.Child, id = undefined) {
    return this.ctx.facets.get(name, async () => {
      this.starts++;
      return { class: Class, id };
    });
  }

  async runs() {
    const child = this.child("a");
    strictEqual(this.starts, 0);
    deepStrictEqual(await child.bump(), [1, 1]);
    deepStrictEqual(await this.child("a").bump(), [2, 2]);
    deepStrictEqual(await Promise.all([1, 2].map(() => child.bump())), [[3, 3], [4, 4]]);
    strictEqual(this.starts, 1);
    deepStrictEqual(await this.child("b").bump(), [1, 1]);
    strictEqual(await (await child.fetch("http://host/path")).text(), "child /path");
    strictEqual(await child.callBack((n) => n + 1), 21);
    const counter = await child.counter();
    deepStrictEqual([await counter.next(), await counter.next()], [1, 2]);
  }

  async knows() {
    const { id } = this.ctx;
    const inherited = { id: String(id), type: "object", name: id.name, props: {} };
    deepStrictEqual(await this.child("k1").describe(), inherited);
    const exported = this.ctx.exports.Child({ props: { list: [1], at: new Date(5) } });
    deepStrictEqual(await this.child("k2", exported).describe(), { ...inherited, props: { list: [1], at: new Date(5) } });
    deepStrictEqual(await this.child("k3", this.env.Configured).describe(), { ...inherited, props: { from: "config" } });
    deepStrictEqual(await this.child("k4", undefined, "chosen").describe(), {
      id: "chosen", type: "string", name: undefined, props: {},
    });
    const other = this.env.parents.idFromName("other");
    deepStrictEqual(await this.child("k5", undefined, other).describe(), { ...inherited, id: String(other), name: "other" });
    deepStrictEqual(await this.child("k6", this.ctx.exports.Passing).describe(), inherited);
    strictEqual(await this.child("k7", this.env.Elsewhere).visit(), "other worker 1");
    strictEqual(await (await this.child("k8", this.ctx.exports.Old).fetch("http://x")).text(), "old");
  }

  async stores() {
    await this.ctx.storage.put("mine", 1);
    await this.child("s").bump();
    deepStrictEqual(await this.child("s").keys(), ["stored"]);
    deepStrictEqual([...(await this.ctx.storage.list()).keys()], ["mine"]);
    await rejects(this.child("s").setAlarm(), /Facets currently cannot set alarms\./);
  }

  async nests() {
    const child = this.child("n");
    deepStrictEqual(await child.nested(0), [1, 1]);
    deepStrictEqual(await child.nested(1), [1, 1]);
    await rejects(child.nested(2), /Facet nesting depth limit exceeded\. The maximum depth including the root Durable Object is 4\./);
    deepStrictEqual(await child.nested(0), [2, 2]);
  }

  async refuses() {
    const { facets, exports } = this.ctx;
    throws(() => facets.get("x"), /parameter 2 is not of type 'function'/);
    throws(() => facets.get(), /parameter 1 is not of type 'string'/);
    throws(() => facets.abort("x"), /parameter 2 is not of type 'Value'/);
    throws(() => this.child("\u00e9".repeat(129)), { name: "TypeError", message: "Facet name is too long (max 256 characters)." });
    throws(() => facets.delete("x".repeat(257)), { name: "TypeError", message: "Facet name is too long (max 256 characters)." });
    deepStrictEqual(await this.child("x".repeat(256)).bump(), [1, 1]);
    for (const [i, Class] of [Child, undefined, null, this.env.parents, exports.default, "Child"].entries()) {
      const facet = facets.get(`bad ${i}`, () => ({ class: Class }));
      await rejects(facet.bump(), { name: "TypeError", message: CLASS_FIELD });
    }
    await rejects(facets.get("none", () => undefined).bump(), TypeError);
    const start = facets.get("throws", () => {
      throw new RangeError("not today");
    });
    await rejects(start.bump(), { name: "RangeError", message: "not today" });
    await rejects(facets.get("rejects", async () => Promise.reject(new Error("nor tomorrow"))).bump(), /nor tomorrow/);
    // The failure stays until the facet is aborted.
    await rejects(this.child("throws").bump(), { name: "RangeError", message: "not today" });
    facets.abort("throws", new Error("over"));
    deepStrictEqual(await this.child("throws").bump(), [1, 1]);
    await rejects(this.child("c", exports.Failing).any(), (error) => {
      strictEqual(error.message, "no child");
      strictEqual(error.durableObjectReset, true);
      strictEqual(error.remote, undefined);
      return true;
    });
    deepStrictEqual(await this.child("c").bump(), [1, 1]);
    await rejects(this.child("a").fail(), (error) => error.message === "child failed" && error.remote === true);
  }

  async ends() {
    const { facets } = this.ctx;
    const child = this.child("e");
    await child.bump();
    facets.abort("e", new TypeError("gone"));
    await rejects(child.bump(), (error) => {
      strictEqual(error.name, "TypeError");
      strictEqual(error.message, "gone");
      strictEqual(error.remote, undefined);
      return true;
    });
    await rejects(child.fetch("http://x"), { name: "TypeError", message: "gone" });
    deepStrictEqual(await this.child("e").bump(), [1, 2]);
    facets.abort("e", undefined);
    facets.abort("never was", new Error("x"));
    deepStrictEqual(await this.child("e").bump(), [1, 3]);
    const hanging = this.child("e").hang();
    hanging.catch(() => {});
    await scheduler.wait(1);
    facets.abort("e", "a text");
    await rejects(hanging, { name: "Error", message: "a text" });
    const reset = this.child("e");
    await rejects(reset.reset(), (error) => error.message === "child reset" && error.durableObjectReset === true);
    await rejects(reset.bump(), /child reset/);
    deepStrictEqual(await this.child("e").bump(), [1, 4]);
    deepStrictEqual(await this.child("e").nested(0), [1, 1]);
  }

  async deletes() {
    const { facets } = this.ctx;
    const child = this.child("d");
    await child.bump();
    await child.nested(0);
    facets.delete("d");
    await rejects(child.bump(), { name: "Error", message: "Facet was deleted." });
    deepStrictEqual(await this.child("d").bump(), [1, 1]);
    deepStrictEqual(await this.child("d").nested(0), [1, 1]);
    facets.delete("never was");
    await this.child("d").bump();
    const over = this.child("copy");
    await over.bump();
    facets.clone("d", "copy");
    await rejects(over.bump(), { name: "Error", message: "Facet was cloned-over." });
    deepStrictEqual(await this.child("copy").bump(), [1, 3]);
    deepStrictEqual(await this.child("copy").nested(0), [1, 2]);
    facets.clone("d", "d");
    deepStrictEqual(await this.child("d").bump(), [1, 3]);
  }

  async sends() {
    const child = this.child("a");
    const message = "Stubs pointing to Durable Object facets are not serializable.";
    await rejects(this.ctx.exports.default.take(child), { name: "DataCloneError", message });
    await rejects(child.give(), { name: "DataCloneError", message });
  }

  async bump(name) {
    return this.child(name).bump();
  }

  async clear() {
    await this.ctx.storage.deleteAll();
  }

  abort() {
    this.ctx.abort("parent reset");
  }
}

const inParent = (method) => ({
  async test(_, env) {
    await env.parents.getByName(method)[method]();
  },
});

export const runs = inParent("runs");
export const knows = inParent("knows");
export const stores = inParent("stores");
export const nests = inParent("nests");
export const refuses = inParent("refuses");
export const ends = inParent("ends");
export const deletes = inParent("deletes");
export const sends = inParent("sends");

/** Facets end with their parent and find what they stored. */
export const parentEnds = {
  async test(_, env) {
    const parent = env.parents.getByName("parent ends");
    deepStrictEqual(await parent.bump("a"), [1, 1]);
    await rejects(parent.abort(), /parent reset/);
    const again = env.parents.getByName("parent ends");
    deepStrictEqual(await again.bump("a"), [1, 2]);
    deepStrictEqual(await again.bump("a"), [2, 3]);
  },
};

/** deleteAll() of the parent deletes them too. */
export const parentClears = {
  async test(_, env) {
    const parent = env.parents.getByName("parent clears");
    await parent.bump("a");
    await parent.clear();
    match(String(await parent.bump("a")), /,1$/);
  },
};

export const stubsOfPassing = {
  async test(_, env, ctx) {
    await rejects(ctx.exports.default.take(env.passing.get("x")), {
      name: "DataCloneError", message: "Stubs pointing to ephemeral objects are not serializable.",
    });
  },
};

export default {
  take() {},
};
