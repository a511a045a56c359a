import { DurableObject } from "cloudflare:workers";

/** Counts, on disk. */
export class Counter extends DurableObject {
  async next() {
    const count = ((await this.ctx.storage.get("count")) ?? 0) + 1;
    await this.ctx.storage.put("count", count);
    return count;
  }
}

export default {
  /** How often this path was asked for, whichever process answers. */
  async fetch(request, env) {
    const { pathname } = new URL(request.url);
    return new Response(`${pathname}: ${await env.COUNTERS.getByName(pathname).next()}\n`);
  },
};
