// A worker without the flag that lets stubs be stored: it can neither store any nor be stored.
import { DurableObject, RpcStub, WorkerEntrypoint } from "cloudflare:workers";
import { rejects, strictEqual } from "node:assert";

export class Target extends WorkerEntrypoint {}

export class Minter extends WorkerEntrypoint {
  mint() {
    return this.ctx.exports.Target({ props: {} });
  }
}

export class Keeper extends DurableObject {
  async run() {
    const put = async (value) => await this.ctx.storage.put("key", value);
    const refused = (type) => ({ name: "DataCloneError", message: `${type} cannot be serialized in this context.` });
    await rejects(put(this.ctx.exports.Target({ props: {} })), refused("ServiceStub"));
    await rejects(put({ list: [new RpcStub(() => 1)] }), refused("RpcStub"));
    strictEqual(this.ctx.restore, undefined);
    strictEqual(await this.ctx.storage.get("key"), undefined);
  }
}

export const withoutTheFlag = {
  async test(controller, env, { exports }) {
    await exports.Keeper.getByName("one").run();
  },
};
