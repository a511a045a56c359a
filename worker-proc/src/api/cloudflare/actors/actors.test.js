import { deepStrictEqual, ok, rejects, strictEqual, throws } from "node:assert";
import { DurableObject } from "cloudflare:workers";

const sleep = (millis) => new Promise((resolve) => setTimeout(resolve, millis));

export class Gates extends DurableObject {
  log = [];

  constructor(ctx, env) {
    super(ctx, env);
    ctx.blockConcurrencyWhile(async () => {
      await sleep(5);
      this.log.push("constructed");
    });
  }

  async fetch(request) {
    const { pathname, searchParams } = new URL(request.url);
    switch (pathname) {
      case "/log":
        return Response.json(this.log);
      case "/plain":
        this.log.push(searchParams.get("n"));
        return new Response("plain");
      case "/block": {
        const value = await this.ctx.blockConcurrencyWhile(async () => {
          this.log.push("block");
          await sleep(20);
          await this.ctx.blockConcurrencyWhile(async () => {
            await sleep(5);
            this.log.push("nested");
          });
          this.log.push("unblock");
          return "value";
        });
        return new Response(value);
      }
      case "/slow":
        this.log.push("slow");
        await sleep(15);
        this.log.push("slow done");
        return new Response("slow");
      case "/throw":
        throw new RangeError("no");
      case "/abort":
        this.ctx.abort("enough");
        return new Response("never");
      case "/break":
        await this.ctx.blockConcurrencyWhile(async () => {
          throw new TypeError("broken inside");
        });
        return new Response("never");
      case "/id":
        return Response.json({ id: `${this.ctx.id}`, name: this.ctx.id.name, env: Object.keys(this.env).length });
      case "/wait":
        this.ctx.waitUntil(sleep(5).then(() => this.log.push("waited")));
        return new Response("wait");
    }
    return new Response(await request.text());
  }
}

let attempts = 0;
export class Failing extends DurableObject {
  constructor(ctx, env) {
    super(ctx, env);
    if (++attempts === 1) throw new TypeError("cannot start");
  }

  fetch() {
    return new Response(`attempt ${attempts}`);
  }
}

export class Legacy {
  constructor(state, env) {
    this.state = state;
  }

  async fetch(request) {
    return new Response(`${request.method} ${this.state.id} ${await request.text()}`);
  }
}

export class Ephemeral extends DurableObject {
  n = 0;

  fetch() {
    return new Response(`${this.ctx.id} ${++this.n}`);
  }
}

const call = async (stub, path) => (await stub.fetch(`http://object${path}`)).text();
const json = async (stub, path) => (await stub.fetch(`http://object${path}`)).json();

export const ids = {
  async test(_, { gates, legacy }) {
    const id = gates.idFromName("alice");
    strictEqual(`${id}`, "38cbc44f942b677e49cd03b34fcd89bd1446ae283fa461253a8f41b134d4cb80");
    strictEqual(id.name, "alice");
    ok(id.equals(gates.idFromName("alice")));
    ok(!id.equals(gates.idFromName("bob")));
    const parsed = gates.idFromString(`${id}`);
    ok(parsed.equals(id));
    strictEqual(parsed.name, undefined);
    const unique = gates.newUniqueId();
    strictEqual(unique.name, undefined);
    ok(/^[0-9a-f]{64}$/.test(`${unique}`));
    ok(!unique.equals(gates.newUniqueId()));
    ok(gates.idFromString(`${unique}`).equals(unique));
    for (const text of ["", "zz", "g".repeat(64), "0".repeat(65)]) {
      throws(() => gates.idFromString(text), { name: "TypeError", message: "Invalid Durable Object ID: must be 64 hex digits" });
    }
    throws(() => gates.idFromString("0".repeat(64)), /^TypeError: .*not valid for this namespace\.$/);
    throws(() => legacy.idFromString(`${id}`), /^TypeError: .*not valid for this namespace\.$/);
    throws(() => gates.idFromName(), {
      name: "TypeError",
      message: "Failed to execute 'idFromName' on 'DurableObjectNamespace': parameter 1 is not of type 'string'.",
    });
    throws(() => gates.get("x"), {
      name: "TypeError",
      message: "Failed to execute 'get' on 'DurableObjectNamespace': parameter 1 is not of type 'DurableObjectId'.",
    });
    throws(() => gates.newUniqueId({ jurisdiction: "eu" }), { message: "Jurisdiction restrictions are not implemented in workerd." });
    throws(() => gates.jurisdiction("eu"), { message: "Jurisdiction restrictions are not implemented in workerd." });
    const stub = gates.get(id, { locationHint: "weur" });
    strictEqual(stub.id, id);
    strictEqual(stub.name, "alice");
    strictEqual(gates.getByName("alice").name, "alice");
  },
};

export const inside = {
  async test(_, { gates }) {
    const seen = await json(gates.getByName("who"), "/id");
    deepStrictEqual(seen, { id: `${gates.idFromName("who")}`, name: "who", env: 5 });
    const posted = await gates.getByName("who").fetch("http://object/echo", { method: "POST", body: "hello" });
    strictEqual(await posted.text(), "hello");
  },
};

export const inputGate = {
  async test(_, { gates }) {
    const stub = gates.getByName("gate");
    const answers = await Promise.all([
      call(stub, "/plain?n=1"), call(stub, "/block"), call(stub, "/plain?n=2"), call(stub, "/slow"), call(stub, "/plain?n=3"),
    ]);
    deepStrictEqual(answers, ["plain", "value", "plain", "slow", "plain"]);
    deepStrictEqual(await json(stub, "/log"), [
      "constructed", "1", "block", "nested", "unblock", "2", "slow", "3", "slow done",
    ]);
  },
};

export const callsKeepTheirOrder = {
  async test(_, { gates }) {
    const stub = gates.getByName("order");
    const sent = [];
    for (let n = 0; n < 50; n++) sent.push(call(stub, `/plain?n=${n}`));
    await Promise.all(sent);
    deepStrictEqual((await json(stub, "/log")).slice(1), Array.from({ length: 50 }, (_, n) => `${n}`));
  },
};

export const exceptions = {
  async test(_, { gates }) {
    const stub = gates.getByName("errors");
    await rejects(call(stub, "/throw"), (error) => {
      strictEqual(error.name, "RangeError");
      strictEqual(error.message, "no");
      strictEqual(error.remote, true);
      return true;
    });
    deepStrictEqual(await json(stub, "/log"), ["constructed"]);
  },
};

export const constructorFailure = {
  async test(_, { failing }) {
    const id = failing.idFromName("f");
    await rejects(call(failing.get(id), "/"), { name: "TypeError", message: "cannot start" });
    strictEqual(await call(failing.get(id), "/"), "attempt 2");
  },
};

export const resets = {
  async test(_, { gates }) {
    const id = gates.idFromName("reset");
    await call(gates.get(id), "/plain?n=1");
    await rejects(call(gates.get(id), "/abort"), { name: "Error", message: "enough" });
    deepStrictEqual(await json(gates.get(id), "/log"), ["constructed"]);
    await call(gates.get(id), "/plain?n=1");
    await rejects(call(gates.get(id), "/break"), { name: "TypeError", message: "broken inside" });
    deepStrictEqual(await json(gates.get(id), "/log"), ["constructed"]);
  },
};

export const legacyClass = {
  async test(_, { legacy }) {
    const stub = legacy.getByName("old");
    const answer = await stub.fetch("http://object/", { method: "PUT", body: "x" });
    strictEqual(await answer.text(), `PUT ${stub.id} x`);
  },
};

export const ephemeralObjects = {
  async test(_, { ephemeral }) {
    strictEqual(await call(ephemeral.get("room"), "/"), "room 1");
    strictEqual(await call(ephemeral.get("room"), "/"), "room 2");
    strictEqual(await call(ephemeral.get("other"), "/"), "other 1");
    throws(() => ephemeral.get(""), { name: "TypeError", message: "Actor ID length must be in the range [1, 2048]." });
  },
};

export const otherWorkersNamespace = {
  async test(_, { other }) {
    strictEqual(await call(other.getByName("c"), "/"), "1");
    strictEqual(await call(other.getByName("c"), "/"), "2");
    strictEqual(await call(other.getByName("d"), "/"), "1");
  },
};

export const waitUntil = {
  async test(_, { gates }) {
    const stub = gates.getByName("later");
    await call(stub, "/wait");
    await sleep(30);
    deepStrictEqual(await json(stub, "/log"), ["constructed", "waited"]);
  },
};
