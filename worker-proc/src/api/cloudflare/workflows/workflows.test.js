import { deepStrictEqual, rejects, strictEqual } from "node:assert";
import { WorkerEntrypoint } from "cloudflare:workers";

const calls = [];
const called = (name) => (...args) => {
  calls.push([name, ...args]);
};

export class Service extends WorkerEntrypoint {
  getInstance(id) {
    if (id === "none") throw new Error("instance.not_found");
    return { id };
  }
  create(options) {
    return { id: options?.id ?? "made" };
  }
  createBatch(options) {
    if (Array.isArray(options)) return options.map(({ id }) => ({ id }));
    return { created: [{ id: "a" }], errors: ["e"] };
  }
  deleteBatch({ instances }) {
    return { deleted: instances, errors: [] };
  }
  status(id) {
    return { status: "running", id };
  }
  subscribe(id, options) {
    return { id, options };
  }
}
for (const name of ["pause", "resume", "terminate", "restart", "sendEvent", "deleteInstance"]) {
  Service.prototype[name] = called(name);
}

export const everyMethod = {
  async test(_, { IT }) {
    const instance = await IT.get("i");
    strictEqual(instance.id, "i");
    for (const method of ["pause", "resume", "terminate", "restart", "delete"]) await instance[method]({ o: 1 });
    await instance.sendEvent({ type: "t", payload: 1, more: 2 });
    deepStrictEqual(calls, [["pause", "i"], ["resume", "i"], ["terminate", "i", { o: 1 }], ["restart", "i", { o: 1 }], ["deleteInstance", "i"],
      ["sendEvent", "i", { type: "t", payload: 1 }]]);
    deepStrictEqual(await instance.status(), { status: "running", id: "i" });
    deepStrictEqual(await instance.subscribe(1), { id: "i", options: 1 });
    strictEqual((await IT.create()).id, "made");
    deepStrictEqual((await IT.createBatch([{ id: "x" }, { id: "y" }])).map(({ id }) => id), ["x", "y"]);
    const batch = await IT.createBatch({ n: 1 });
    deepStrictEqual([batch.created[0].id, batch.errors], ["a", ["e"]]);
    deepStrictEqual(await IT.deleteBatch(["x"]), { deleted: ["x"], errors: [] });
    await rejects(IT.get("none"), { message: "instance.not_found" });
  },
};
