// Objects whose alarms set the next one, at times past, now and soon, until they have rung often enough.
import { DurableObject } from "cloudflare:workers";
import unsafe from "workerd:unsafe";

const times = [
  () => 1,
  () => Date.now() - 5000,
  () => Date.now(),
  () => Date.now(),
  () => Date.now() + 1,
  () => Date.now() + Math.random() * 300,
];

const one = (list) => list[Math.floor(Math.random() * list.length)];

export class Chain extends DurableObject {
  async begin(rounds) {
    if ((await this.left()) === undefined) {
      this.ctx.storage.put("left", rounds);
      this.ctx.storage.setAlarm(one(times)());
    }
  }

  left() {
    return this.ctx.storage.get("left");
  }

  async alarm() {
    const left = await this.left();
    if (left === 0) return;
    const luck = Math.random();
    if (luck < 0.01) throw new Error("bad luck");
    if (luck < 0.02) this.ctx.abort("very bad luck");
    const next = () => {
      this.ctx.storage.put("left", left - 1);
      if (left > 1) this.ctx.storage.setAlarm(one(times)());
    };
    if (luck < 0.2) {
      try {
        this.ctx.storage.transactionSync(() => {
          this.ctx.storage.setAlarm(one(times)());
          throw new Error("undone");
        });
      } catch {}
    }
    if (luck < 0.4) await new Promise((done) => setTimeout(done, 10 * luck));
    if (luck < 0.6) await this.ctx.storage.transaction(async () => next());
    else next();
    // What it has set stands.
    if (luck > 0.98) throw new Error("late bad luck");
  }
}

export default {
  // /begin/FROM/TO/ROUNDS, /left/FROM/TO: how many have not rung often enough; /evict: all that this process has.
  async fetch(request, env, ctx) {
    const [, what, from, to, rounds] = new URL(request.url).pathname.split("/");
    const all = [];
    for (let n = Number(from); n < Number(to); n++) all.push(env.chain.getByName(`c${n}`));
    switch (what) {
      case "begin":
        await Promise.all(all.map((chain) => chain.begin(Number(rounds))));
        return new Response("begun");
      case "left": {
        const left = await Promise.all(all.map((chain) => chain.left()));
        return new Response(String(left.filter((left) => left !== 0).length));
      }
      default:
        ctx.waitUntil(unsafe.evictAllDurableObjects().catch(() => {}));
        return new Response("evicting");
    }
  },
};
