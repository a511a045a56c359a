// What objects in memory keep: stubs of services and objects, but none of RPC targets.
import { DurableObject, RpcStub, RpcTarget, restore } from "cloudflare:workers";
import { rejects, strictEqual } from "node:assert";

export class Keeper extends DurableObject {
  [restore]() {
    return new RpcStub(new RpcTarget());
  }

  own() {
    return "object";
  }

  async keep() {
    const { storage } = this.ctx;
    await storage.put("object", this.ctx.exports.Keeper.getByName("other"));
    strictEqual(await (await storage.get("object")).own(), "object");
    const stub = await this.ctx.restore({});
    const refused = {
      name: "DataCloneError",
      message: "Storing RPC stubs in Durable Object KV storage is only supported when using the SQLite storage backend.",
    };
    await rejects(storage.put("stub", stub), refused);
    await rejects(storage.put({ plain: 1, stubs: [stub] }), refused);
    strictEqual(await storage.get("plain"), undefined);
  }
}

export default {
  test: (controller, env, { exports }) => exports.Keeper.getByName("keeper").keep(),
};
