// Methods of objects: what can be called, what callers learn of failures and resets; ids and stubs in detail.
import { deepStrictEqual, ok, rejects, strictEqual, throws } from "node:assert";
import { DurableObject } from "cloudflare:workers";

let alarms = 0;

export class Called extends DurableObject {
  own = 1;
  #hidden = 2;

  get read() {
    return 3;
  }

  hidden() {
    return this.#hidden;
  }

  _lead() {
    return "with an underscore";
  }

  throws(kind) {
    switch (kind) {
      case "text":
        throw "a text";
      case "object":
        throw { a: 1 };
      case "null":
        throw null;
      case "mine": {
        class Mine extends Error {
          name = "Mine";
        }
        throw new Mine("of mine");
      }
      case "dom":
        throw new DOMException("stop", "AbortError");
      case "flagged": {
        const error = new RangeError("again");
        error.retryable = true;
        error.code = "E";
        throw error;
      }
    }
  }

  abort(...args) {
    this.ctx.abort(...args);
  }

  async breaks() {
    await this.ctx.blockConcurrencyWhile(async () => {
      throw new TypeError("inside");
    });
  }

  fetch(request) {
    if (new URL(request.url).pathname === "/abort") this.ctx.abort("by fetch");
    return new Response(this.ctx.id.name);
  }

  async alarmSoon() {
    alarms = 0;
    await this.ctx.storage.setAlarm(Date.now());
  }

  async alarm() {
    alarms++;
    this.ctx.abort("no more", { retryAlarm: false });
  }

  alarms() {
    return alarms;
  }
}

export class Failing extends DurableObject {
  constructor(ctx, env) {
    super(ctx, env);
    throw new RangeError("never");
  }
  any() {}
}

export class FailingLater extends DurableObject {
  constructor(ctx, env) {
    super(ctx, env);
    ctx.blockConcurrencyWhile(async () => {
      throw new RangeError("not now");
    });
  }
  any() {}
}

export class Legacy {
  any() {}
  fetch() {
    return new Response("legacy");
  }
}

export class Silent extends DurableObject {
  any() {
    return "any";
  }
}

const told = async (call) => {
  try {
    await call();
  } catch (error) {
    const { name, message, remote, retryable, durableObjectReset, code } = error;
    const all = { name, message, remote, retryable, durableObjectReset, code: name === "AbortError" ? undefined : code };
    return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
  }
  return "nothing";
};

export const reach = {
  async test(_, { called }) {
    const stub = called.getByName("reach");
    strictEqual(await stub.read, 3);
    strictEqual(await stub.hidden(), 2);
    strictEqual(await stub._lead(), "with an underscore");
    const missing = (name) => ({ name: "TypeError", message: `The RPC receiver does not implement the method "${name}".` });
    for (const name of ["own", "ctx", "env", "#hidden", "nothing", "jurisdiction", "test", "scheduled", "queue"]) {
      await rejects(async () => stub[name], missing(name));
      await rejects(async () => stub[name](), missing(name));
    }
    for (const name of ["alarm", "dup", "webSocketMessage", "webSocketClose", "webSocketError"]) {
      await rejects(stub[name](), { name: "TypeError", message: `'${name}' is a reserved method and cannot be called over RPC.` });
    }
    strictEqual(stub.then, undefined);
    deepStrictEqual(["anything", "then", "fetch", "toString"].map((name) => name in stub), [true, false, true, true]);
    strictEqual(stub.toString(), "[object DurableObject]");
    strictEqual(JSON.stringify(stub), '{"name":"reach","id":{"name":"reach"}}');
  },
};

export const exceptions = {
  async test(_, { called }) {
    const stub = called.getByName("exceptions");
    const thrown = (kind) => told(() => stub.throws(kind));
    deepStrictEqual(await thrown("text"), { name: "Error", message: "a text", remote: true });
    deepStrictEqual(await thrown("object"), { name: "Error", message: "#<Object>", remote: true });
    deepStrictEqual(await thrown("null"), { name: "Error", message: "null", remote: true });
    deepStrictEqual(await thrown("mine"), { name: "Error", message: "Mine: of mine", remote: true });
    deepStrictEqual(await thrown("dom"), { name: "AbortError", message: "stop", remote: true });
    deepStrictEqual(await thrown("flagged"), { name: "RangeError", message: "again", remote: true, retryable: true });
  },
};

/** A reset is no exception of the method that was called. */
export const resets = {
  async test(_, { called, failing, failingLater }) {
    const reset = (name, message) => ({ name, message, durableObjectReset: true });
    const stub = called.getByName("resets");
    deepStrictEqual(await told(() => stub.abort()), reset("Error", "Application called abort() to reset Durable Object."));
    // The stub stays broken; a new one is not.
    deepStrictEqual(await told(() => stub.hidden()), reset("Error", "Application called abort() to reset Durable Object."));
    deepStrictEqual(await told(() => stub.fetch("http://x")), reset("Error", "Application called abort() to reset Durable Object."));
    const fresh = () => called.getByName("resets");
    strictEqual(await fresh().hidden(), 2);
    deepStrictEqual(await told(() => fresh().abort("because")), reset("Error", "because"));
    deepStrictEqual(await told(() => fresh().abort({})), reset("Error", "[object Object]"));
    deepStrictEqual(await told(() => fresh().abort("because", { retryAlarm: "yes" })), reset("Error", "because"));
    deepStrictEqual(await told(() => fresh().abort("because", 5)), {
      name: "TypeError", message: "Failed to execute 'abort' on 'DurableObjectState': parameter 2 is not of type 'AbortOptions'.", remote: true,
    });
    deepStrictEqual(await told(() => fresh().breaks()), reset("TypeError", "inside"));
    deepStrictEqual(await told(() => failing.getByName("a").any()), reset("RangeError", "never"));
    deepStrictEqual(await told(() => failingLater.getByName("a").any()), reset("RangeError", "not now"));
    // fetch() tells of it as of any exception.
    deepStrictEqual(await told(() => fresh().fetch("http://x/abort")), { ...reset("Error", "by fetch"), remote: true });
    deepStrictEqual(await told(() => failing.getByName("b").fetch("http://x")), { ...reset("RangeError", "never"), remote: true });
  },
};

export const oldClasses = {
  async test(_, { legacy, silent }) {
    const message =
      "The receiving Durable Object does not support RPC, because its class was not declared with `extends DurableObject`. In order " +
      "to enable RPC, make sure your class extends the special class `DurableObject`, which can be imported from the module " +
      '"cloudflare:workers".';
    deepStrictEqual(await told(() => legacy.getByName("a").any()), { name: "TypeError", message, remote: true });
    strictEqual(await (await legacy.getByName("a").fetch("http://x")).text(), "legacy");
    strictEqual(await silent.getByName("a").any(), "any");
    deepStrictEqual(await told(() => silent.getByName("a").fetch("http://x")), {
      name: "Error", message: "Handler does not export a fetch() function.", remote: true,
    });
  },
};

export const ids = {
  test(_, { called }) {
    const id = called.idFromName("x");
    deepStrictEqual(Object.keys(id).sort(), ["jurisdiction", "name"]);
    throws(() => {
      id.name = "y";
    }, TypeError);
    strictEqual(called.idFromName(5).name, "5");
    strictEqual(called.idFromName("").name, "");
    throws(() => called.idFromName(Symbol("s")), { name: "TypeError", message: "Cannot convert a Symbol value to a string" });
    ok(called.idFromString(`${id}`.toUpperCase()).equals(id));
    for (const other of [undefined, "x", {}]) {
      throws(() => id.equals(other), { name: "TypeError", message: /'equals' on 'DurableObjectId': parameter 1 is not of type 'DurableObjectId'/ });
    }
    throws(() => called.newUniqueId(5), { name: "TypeError", message: /parameter 1 is not of type 'NewUniqueIdOptions'/ });
    for (const options of [null, {}, { jurisdiction: null }]) strictEqual(called.newUniqueId(options).name, undefined);
    ok(called.jurisdiction().idFromName("x").equals(id));
    ok(called.jurisdiction(null) !== called);
    throws(() => called.get(id, 5), { name: "TypeError", message: /parameter 2 is not of type 'GetDurableObjectOptions'/ });
    throws(() => called.get(id, { routingMode: "any" }), { name: "RangeError", message: "unknown routingMode: any" });
    called.getByName("x", { locationHint: "anywhere", routingMode: "primary-only" });
    strictEqual(called.get(called.newUniqueId()).name, undefined);
    const refusal = (type) => ({ name: "DataCloneError", message: `Could not serialize object of type "${type}". This type does not support serialization.` });
    throws(() => structuredClone(id), refusal("DurableObjectId"));
    throws(() => structuredClone(called), refusal("DurableObjectNamespace"));
    for (const Class of [called.constructor, id.constructor]) throws(() => new Class(), { message: "Illegal constructor" });
  },
};

export const noRetry = {
  async test(_, { called }) {
    await called.getByName("alarm").alarmSoon();
    await scheduler.wait(2600);
    strictEqual(await called.getByName("alarm").alarms(), 1);
  },
};
