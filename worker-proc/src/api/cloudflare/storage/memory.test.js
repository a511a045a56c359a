// What objects that are in memory only may store, and how much.
import { rejects, strictEqual, throws } from "node:assert";
import { DurableObject } from "cloudflare:workers";

const error = (message, name = "Error") => ({ name, message });
const long = (length) => "x".repeat(length);
const KEY = error("Keys cannot be larger than 2048 bytes. A key of size 2049 was provided.", "RangeError");

export class Memory extends DurableObject {
  async fetch() {
    const { storage } = this.ctx;
    throws(() => storage.sql.exec("select 1"), /^Error: This Durable Object is not backed by SQLite storage, so the SQL API is not available\./);
    throws(() => storage.kv.get("a"), /^Error: The storage\.kv \(synchronous KV\) API is only available for SQLite-backed/);
    throws(() => storage.transactionSync(() => 1), error("Durable Object is not backed by SQL."));
    const none = error("This Durable Object's storage back-end does not implement point-in-time recovery.");
    await rejects(storage.getCurrentBookmark(), none);
    await rejects(storage.getBookmarkForTime(Date.now()), none);

    await storage.put(long(2048), 1);
    await rejects(storage.put(long(2049), 1), KEY);
    await rejects(storage.get(long(2049)), KEY);
    throws(() => storage.delete(long(2049)), KEY);
    throws(() => storage.delete([long(2049)]), KEY);
    await storage.put("v", long(131_072));
    await rejects(
      storage.put({ fits: 1, v: new Uint8Array(131_106) }),
      error("Values cannot be larger than 131072 bytes. A value of size 131119 was provided.", "RangeError"),
    );
    strictEqual(await storage.get("fits"), undefined);
    await rejects(
      storage.get(Array.from({ length: 129 }, (_, i) => `${i}`)),
      error("Maximum number of key value pairs is 128. 129 pairs were provided.", "RangeError"),
    );
    return new Response("ok");
  }
}

export const memory = {
  async test(_, { memory }) {
    strictEqual(await (await memory.getByName("m").fetch("http://object/")).text(), "ok");
  },
};
