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
