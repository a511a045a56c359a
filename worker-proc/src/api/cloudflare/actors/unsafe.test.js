// The module `workerd:unsafe`: objects that are ended, broken and deleted from outside.
import { DurableObject } from "cloudflare:workers";
import { deepStrictEqual, rejects, strictEqual } from "node:assert";
import unsafe from "workerd:unsafe";

export class Counter extends DurableObject {
  lives = 0;
  async count(wait = 0) {
    await scheduler.wait(wait);
    const stored = ((await this.ctx.storage.get("count")) ?? 0) + 1;
    await this.ctx.storage.put("count", stored);
    return [++this.lives, stored];
  }
  async arm() {
    await this.ctx.storage.setAlarm(Date.now() + 500);
  }
  alarms() {
    return Counter.alarms;
  }
  alarm() {
    Counter.alarms++;
  }
  static alarms = 0;
}

export class Kept extends Counter {}

export const whatTheProcessIs = {
  test() {
    deepStrictEqual([unsafe.isTestAutogateEnabled(), unsafe.startedFromStartupSnapshot()], [false, false]);
  },
};

export const evictionWaitsForCalls = {
  async test(controller, { OBJECTS, KEPT, SELF }) {
    const stub = OBJECTS.getByName("evicted");
    // The call has not even made it live.
    const call = stub.count(5);
    await unsafe.evict(stub);
    deepStrictEqual(await call, [1, 1]);
    deepStrictEqual(await stub.count(), [1, 2]);
    await Promise.all([unsafe.evict(stub), unsafe.evict(stub)]);
    deepStrictEqual(await stub.count(), [1, 3]);
    const refused = (message) => ({ name: "Error", message });
    await rejects(unsafe.evict(OBJECTS.getByName("never")), refused("Cannot evict Durable Object: it is not currently running."));
    await rejects(unsafe.evict(SELF), refused("evict() can only be used on a Durable Object stub."));
    const kept = KEPT.getByName("kept");
    await kept.count();
    await rejects(unsafe.evict(kept), refused("Cannot evict Durable Object: its namespace has preventEviction set."));
  },
};

export const deletion = {
  async test(controller, { OBJECTS, KEPT }) {
    const stub = OBJECTS.getByName("deleted");
    const kept = KEPT.getByName("not deleted");
    await stub.count();
    await stub.arm();
    await kept.count();
    await unsafe.deleteAllDurableObjects();
    await rejects(stub.count(), { name: "Error", message: "Application called deleteAllDurableObjects()." });
    deepStrictEqual(await OBJECTS.getByName("deleted").count(), [1, 1]);
    deepStrictEqual(await kept.count(), [2, 2]);
    await scheduler.wait(600);
    strictEqual(await OBJECTS.getByName("deleted").alarms(), 0);
  },
};
