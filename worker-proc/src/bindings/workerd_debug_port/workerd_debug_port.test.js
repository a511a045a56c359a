// The binding of debug ports, on this instance itself. Other instances are tests/e2e/instances.rs.
import { deepStrictEqual, rejects, strictEqual, throws } from "node:assert";
import { DurableObject, WorkerEntrypoint } from "cloudflare:workers";

export class Other extends WorkerEntrypoint {
  async fetch(request) {
    return new Response(`${request.method} ${request.url} ${await request.text()}`);
  }
  props() {
    return this.ctx.props;
  }
  take() {}
}

export class Kept extends DurableObject {
  fetch() {
    return new Response(`${this.ctx.id}`);
  }
}

export class Passing extends Kept {}

export const classes = {
  test(_, { PORTS }) {
    const port = PORTS.current();
    deepStrictEqual([PORTS.constructor.name, `${PORTS}`], ["WorkerdDebugPortConnector", "[object WorkerdDebugPortConnector]"]);
    deepStrictEqual([port.constructor.name, `${port}`], ["WorkerdDebugPortClient", "[object WorkerdDebugPortClient]"]);
    strictEqual(port.getEntrypoint("ports").constructor.name, "Fetcher");
    const names = ["WorkerdDebugPortConnector", "WorkerdDebugPortClient"];
    for (const name of names) strictEqual(globalThis[name], undefined);
    for (const object of [PORTS, port]) throws(() => new object.constructor(), { name: "TypeError", message: "Illegal constructor" });
    const wrong = (method, on, index, type) => ({
      name: "TypeError",
      message: `Failed to execute '${method}' on '${on}': parameter ${index} is not of type '${type}'.`,
    });
    throws(() => PORTS.connect(), wrong("connect", names[0], 1, "string"));
    throws(() => port.getEntrypoint(), wrong("getEntrypoint", names[1], 1, "string"));
    throws(() => port.getEntrypoint("ports", "Other", 5), wrong("getEntrypoint", names[1], 3, "Object"));
    throws(() => port.getEntrypoint("ports", "Other", null), wrong("getEntrypoint", names[1], 3, "Object"));
    throws(() => port.getEntrypoint("ports", "Other", { f() {} }), { name: "DataCloneError" });
    throws(() => port.getActor("ports"), wrong("getActor", names[1], 2, "string"));
    throws(() => PORTS.connect.call({}, "a"), TypeError);
    throws(() => port.getActor.call(PORTS, "a", "b", "c"), TypeError);
  },
};

export const entrypoints = {
  async test(_, { PORTS }) {
    const port = PORTS.current();
    const other = port.getEntrypoint("ports", "Other");
    const response = await other.fetch("http://host/path", { method: "POST", body: "body" });
    strictEqual(await response.text(), "POST http://host/path body");
    deepStrictEqual(await other.props(), {});
    const props = { text: "a", map: new Map([[1, 2]]) };
    deepStrictEqual(await port.getEntrypoint("ports", "Other", props).props(), props);
  },
};

export const objects = {
  async test(_, { PORTS, KEPT }) {
    const port = PORTS.current();
    const get = async (...which) => (await port.getActor("ports", ...which).fetch("http://host/")).text();
    const id = `${KEPT.idFromName("a")}`;
    strictEqual(await get("Kept", id), id);
    strictEqual(await get("Passing", "any name"), "any name");
  },
};

export const absent = {
  async test(_, { PORTS, SELF }) {
    const port = PORTS.current();
    const fetched = (service) => service.fetch("http://host/");
    await rejects(fetched(port.getEntrypoint("none")), { message: 'Worker "none" not found' });
    const zed = { message: 'Worker does not export an entrypoint named "Zed"' };
    await rejects(fetched(port.getEntrypoint("ports", "Zed")), zed);
    await rejects(port.getEntrypoint("ports", "Zed").props(), zed);
    const noClass = { message: 'Worker does not export a Durable Object class named "Zed"' };
    await rejects(fetched(port.getActor("ports", "Zed", "00")), noClass);
    await rejects(fetched(port.getActor("ports", "Kept", "00")), Error);
    await rejects(fetched(port.getEntrypoint("internet", "x")), { message: "Worker does not support named entrypoints" });
    await rejects(fetched(PORTS.connect("127.0.0.1:1").getEntrypoint("ports")), { message: "Network connection lost.", retryable: true });
    // What a port gives stays with whoever has the port.
    const message = "WorkerdDebugPort bindings cannot be transferred to other workers";
    await rejects(async () => SELF.take(port.getEntrypoint("ports")), { message });
  },
};
