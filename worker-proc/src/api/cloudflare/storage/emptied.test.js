// `deleteAll()` where the alarm outlives it.
import { deepStrictEqual, strictEqual } from "node:assert";
import { DurableObject } from "cloudflare:workers";

export class Emptied extends DurableObject {
  async fetch() {
    const { storage } = this.ctx;
    const time = Date.now() + 3_600_000;
    await storage.put("a", 1);
    storage.sql.exec("create table t (a); create virtual table words using fts5 (word); insert into t values (1)");
    await storage.setAlarm(time);
    await storage.deleteAll();
    deepStrictEqual([await storage.getAlarm(), await storage.get("a")], [time, undefined]);
    deepStrictEqual(storage.sql.exec("select name from sqlite_schema where name not like '_cf%'").toArray(), []);
    await storage.put("b", 2);
    await storage.setAlarm(time - 5);
    await storage.deleteAll();
    await storage.sync();
    deepStrictEqual([await storage.getAlarm(), (await storage.list()).size], [time - 5, 0]);
    storage.sql.exec("create table t (a)");
    strictEqual(storage.sql.exec("pragma quick_check").one().quick_check, "ok");
    return new Response("ok");
  }

  alarm() {}
}

export const emptied = {
  async test(_, { emptied }) {
    strictEqual(await (await emptied.getByName("e").fetch("http://object/")).text(), "ok");
  },
};
