// Objects that keep stubs: of services, classes, objects and RPC targets, each with what it refers to.
import { DurableObject, RpcStub, RpcTarget, WorkerEntrypoint, restore } from "cloudflare:workers";

export class Greeter extends WorkerEntrypoint {
  async greet(name) {
    const { greeting, other } = this.ctx.props;
    return other === undefined ? `${greeting}, ${name}` : `${greeting}, ${await other.greet(name)}`;
  }
}

export class Child extends DurableObject {
  greet(name) {
    return `${this.ctx.props.greeting}, ${name}`;
  }
}

class Counter extends RpcTarget {
  constructor(start) {
    super();
    this.count = start;
  }
  add(amount) {
    return (this.count += amount);
  }
}

export class Keeper extends DurableObject {
  async [restore]({ start }) {
    return new RpcStub(new Counter(start));
  }

  async write() {
    const { Greeter, Child, Keeper } = this.ctx.exports;
    const inner = Greeter({ props: { greeting: "inner" } });
    const { storage } = this.ctx;
    await storage.put("service", Greeter({ props: { greeting: "hello" } }));
    await storage.put({
      nested: { list: [Greeter({ props: { greeting: "outer", other: inner } })] },
      class: Child({ props: { greeting: "child" } }),
    });
    storage.kv.put("object", Keeper.getByName("other"));
    await storage.put("stubs", [await this.ctx.restore({ start: 1 }), await this.ctx.restore({ start: 10 })]);
    await storage.put("gone", await this.ctx.restore({ start: 100 }));
    await storage.put("gone", 1);
    await Keeper.getByName("other").keep("kept");
  }

  async keep(text) {
    await this.ctx.storage.put("name", text);
  }

  called() {
    return this.ctx.storage.get("name");
  }

  async read() {
    const { storage } = this.ctx;
    const service = await storage.get("service");
    const { list } = await storage.get("nested");
    const kept = await storage.get("class");
    const child = this.ctx.facets.get("child", () => ({ class: kept }));
    const object = storage.kv.get("object");
    const [one, ten] = await storage.get("stubs");
    const all = await storage.list();
    return [
      await service.greet("a"), await list[0].greet("b"), await child.greet("c"), await object.called(), await one.add(1),
      await ten.add(1), await ten.add(1), await all.get("stubs")[1].add(5), all.get("gone"),
    ].join("|");
  }
}

export default {
  async fetch(request, env, { exports }) {
    const keeper = exports.Keeper.getByName("keeper");
    if (new URL(request.url).pathname === "/write") await keeper.write();
    return new Response(await keeper.read());
  },
};
