// Objects that store what they are told to: `/method/object?argument`.
import { DurableObject } from "cloudflare:workers";

export class Store extends DurableObject {
  async append(bytes) {
    const count = (this.ctx.storage.kv.get("count") ?? 0) + 1;
    this.ctx.storage.kv.put("count", count);
    this.ctx.storage.sql.exec("create table if not exists chunks (data)");
    this.ctx.storage.sql.exec("insert into chunks values (?)", new Uint8Array(+bytes));
    return count;
  }

  count() {
    const { sql, kv } = this.ctx.storage;
    return `${kv.get("count")} ${sql.exec("select count(*) as n from chunks").one().n}`;
  }

  empty() {
    return this.ctx.storage.deleteAll();
  }

  /** Sets an alarm for a time that is past, which its handler does again until it has rung ten times. */
  async ring(how) {
    this.ctx.storage.kv.put("rings", 0);
    this.ctx.storage.kv.put("how", how);
    await this.ctx.storage.setAlarm(1);
  }

  async alarm() {
    const { storage } = this.ctx;
    const rings = storage.kv.get("rings") + 1;
    storage.kv.put("rings", rings);
    if (rings === 10) return;
    switch (storage.kv.get("how")) {
      case "set":
        storage.setAlarm(1);
        break;
      case "late":
        await scheduler.wait(5);
        await storage.setAlarm(1);
        break;
      case "transaction":
        await storage.transaction(() => storage.setAlarm(1));
        break;
      case "sync":
        storage.transactionSync(() => void storage.setAlarm(1));
        break;
      case "deleted":
        storage.deleteAlarm();
        storage.setAlarm(1);
        break;
      case "failing":
        await storage.setAlarm(1);
        throw new Error("after it was set");
      case "undone":
        try {
          storage.transactionSync(() => {
            storage.setAlarm(1);
            throw new Error("undone");
          });
        } catch {}
    }
  }

  async rings() {
    return `${this.ctx.storage.kv.get("rings")} ${await this.ctx.storage.getAlarm()}`;
  }

  bookmark() {
    return this.ctx.storage.getCurrentBookmark();
  }

  bookmarkAt(time) {
    return this.ctx.storage.getBookmarkForTime(+time);
  }

  async restore(bookmark) {
    const undo = await this.ctx.storage.onNextSessionRestoreBookmark(bookmark);
    // The answer leaves before the object ends.
    setTimeout(() => this.ctx.abort("to go back"), 1);
    return undo;
  }
}

export default {
  async fetch(request, { stores }) {
    const { pathname, search } = new URL(request.url);
    const [, method, name] = pathname.split("/");
    try {
      return new Response(await stores.getByName(name)[method](decodeURIComponent(search.slice(1))));
    } catch (error) {
      return new Response(`${error} ${JSON.stringify({ ...error })}`, { status: 500 });
    }
  },
};
