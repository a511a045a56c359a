// Objects that keep a log. What they answer is checked against what they have kept (tests/src/history.rs).
import { DurableObject } from "cloudflare:workers";

const entryKey = (number) => "entry:" + String(number).padStart(9, "0");

export class Log extends DurableObject {
  constructor(ctx, env) {
    super(ctx, env);
    this.token = crypto.randomUUID();
    ctx.blockConcurrencyWhile(async () => {
      this.life = ((await ctx.storage.get("life")) ?? 0) + 1;
      await ctx.storage.put("life", this.life);
      // Kept in memory on purpose: two lives at once would not see each other's.
      this.number = (await ctx.storage.get("number")) ?? 0;
    });
  }

  append(name) {
    const entry = `${++this.number} ${this.life} ${this.token}`;
    // Not awaited: the answer leaves after it is safe.
    this.ctx.storage.put({ number: this.number, [entryKey(this.number)]: `${name} ${entry}` });
    return entry;
  }

  async slow(names, millis) {
    const entries = [];
    for (const name of names) {
      if (entries.length > 0) await new Promise((done) => setTimeout(done, millis));
      entries.push(this.append(name));
    }
    return entries.join("\n");
  }

  async increment() {
    const count = ((await this.ctx.storage.get("count")) ?? 0) + 1;
    await this.ctx.storage.put("count", count);
    return String(count);
  }

  // Every call of it is answered for by one run of the alarm, or one run for several.
  async arm(millis) {
    const armed = ((await this.ctx.storage.get("armed")) ?? 0) + 1;
    this.ctx.storage.put("armed", armed);
    this.ctx.storage.setAlarm(Date.now() + millis);
    return String(armed);
  }

  async alarm() {
    const runs = ((await this.ctx.storage.get("runs")) ?? 0) + 1;
    this.ctx.storage.put({ runs, fired: (await this.ctx.storage.get("armed")) ?? 0, at: Date.now() });
  }

  async read() {
    const entries = await this.ctx.storage.list({ prefix: "entry:" });
    return [...entries.values()].join("\n");
  }

  async state() {
    const [count = 0, armed = 0, fired = 0, runs = 0] = await Promise.all(
      ["count", "armed", "fired", "runs"].map((key) => this.ctx.storage.get(key)),
    );
    return JSON.stringify({ count, armed, fired, runs, life: this.life, token: this.token });
  }

  // Answers once the whole request has come.
  async hold(request) {
    const entry = this.append("hold");
    await request.text();
    return entry;
  }

  // Goes on after the answer.
  later(millis) {
    const work = async () => {
      await new Promise((done) => setTimeout(done, millis));
      await this.ctx.storage.put("later", true);
    };
    this.ctx.waitUntil(work());
    return "later";
  }

  async wasLater() {
    return String((await this.ctx.storage.get("later")) ?? false);
  }

  // Calls itself, as what it calls may.
  async roundabout(request) {
    this.append("roundabout");
    await request.text();
    const self = this.env.log.get(this.ctx.id);
    return await (await self.fetch("http://a/append?name=back")).text();
  }

  accept() {
    const [client, server] = Object.values(new WebSocketPair());
    server.accept();
    server.addEventListener("message", ({ data }) => server.send(this.append(data)));
    return new Response(null, { status: 101, webSocket: client });
  }

  async fetch(request) {
    const { pathname, searchParams } = new URL(request.url);
    const millis = Number(searchParams.get("millis"));
    switch (pathname) {
      case "/append": return new Response(this.append(searchParams.get("name")));
      case "/slow": return new Response(await this.slow(searchParams.get("names").split(","), millis));
      case "/socket": return this.accept();
      case "/hold": return new Response(await this.hold(request));
      case "/roundabout": return new Response(await this.roundabout(request));
      default: return new Response(await this[pathname.slice(1)](millis));
    }
  }
}

// Takes the messages of a WebSocket to an object, each as a call.
function relay(stub) {
  const [client, server] = Object.values(new WebSocketPair());
  server.accept();
  let answered = Promise.resolve();
  server.addEventListener("message", ({ data }) => {
    const answer = stub.fetch(`http://a/append?name=${data}`);
    const before = answered;
    answered = (async () => {
      const response = await answer;
      if (!response.ok) throw new Error("no entry");
      const entry = await response.text();
      await before;
      server.send(entry);
    })();
    answered.catch(() => server.close(1011, "the object failed"));
  });
  return new Response(null, { status: 101, webSocket: client });
}

export default {
  // /<what>/<object>?...; names=a,b makes a call for each on one stub.
  async fetch(request, env) {
    const url = new URL(request.url);
    const [, what, object] = url.pathname.split("/");
    const stub = env.log.get(env.log.idFromName(object));
    const target = `http://a/${what}${url.search}`;
    if (what === "relay") return relay(stub);
    if (what === "batch") {
      const names = url.searchParams.get("names").split(",");
      const calls = names.map((name) => stub.fetch(`http://a/append?name=${name}`));
      const answers = await Promise.allSettled(calls);
      const lines = answers.map(async ({ value }) => (value?.ok ? await value.text() : "?"));
      return new Response((await Promise.all(lines)).join("\n"));
    }
    return stub.fetch(target, request);
  },
};
