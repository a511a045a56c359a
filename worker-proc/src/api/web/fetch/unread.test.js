// A request's body that nobody reads, and reading it too late: wherever requests go, what is left of a body is refused once the
// answer is sent, and who reads on is told why.
import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert";
import { DurableObject, WorkerEntrypoint } from "cloudflare:workers";

/** What the code that handles a request has seen of its body afterwards. */
const seen = [];

async function handler(request, ctx) {
  const { pathname } = new URL(request.url);
  const look = (promise) => promise.then((value) => seen.push(value), (error) => seen.push(String(error)));
  if (pathname === "/ignore") return new Response("ignored");
  if (pathname === "/cancel") {
    await request.body.cancel();
    return new Response("cancelled");
  }
  if (pathname === "/part") {
    const { value } = await request.body.getReader().read();
    return new Response(value.byteLength > 0 ? "some" : "none");
  }
  if (pathname === "/late") {
    ctx.waitUntil(scheduler.wait(20).then(() => look(request.text())));
    return new Response("answered");
  }
  if (pathname === "/clone") {
    const copy = request.clone();
    ctx.waitUntil(scheduler.wait(20).then(() => look(copy.text())));
    return new Response("answered");
  }
  if (pathname === "/reading") {
    const reader = request.body.getReader();
    ctx.waitUntil(look((async () => {
      while (!(await reader.read()).done) await scheduler.wait(5);
    })()));
    await scheduler.wait(1);
    return new Response("answered");
  }
  if (pathname === "/throw") {
    ctx.waitUntil(scheduler.wait(20).then(() => look(request.text())));
    throw new Error("thrown");
  }
  const { readable, writable } = new IdentityTransformStream();
  const writer = writable.getWriter();
  const encoder = new TextEncoder();
  ctx.waitUntil((async () => {
    await writer.write(encoder.encode("one "));
    const reader = request.body.getReader();
    const { value } = await reader.read();
    await writer.write(encoder.encode(value.byteLength > 0 ? "and some" : "and none"));
    await writer.close();
    await scheduler.wait(20);
    await look(reader.read());
  })());
  return new Response(readable);
}

export class Service extends WorkerEntrypoint {
  fetch(request) {
    return handler(request, this.ctx);
  }
}

export class Reader extends DurableObject {
  fetch(request) {
    return handler(request, this.ctx);
  }
}

/** Has a facet handle what it is asked. */
export class Parent extends DurableObject {
  fetch(request) {
    return this.ctx.facets.get("reader", () => ({ class: this.ctx.exports.Reader })).fetch(request);
  }
}

const ANSWERED = "TypeError: Can't read from request stream after response has been sent.";
const FAILED = "TypeError: Can't read from request stream after responding with an exception.";

/** A stream that has more than any buffer on the way holds, and how its writing ends. */
function endless() {
  const { readable, writable } = new IdentityTransformStream();
  const writer = writable.getWriter();
  const refused = (async () => {
    try {
      for (;;) await writer.write(new Uint8Array(100_000));
    } catch {
      return "refused";
    }
  })();
  return { readable, refused };
}

async function told(count) {
  while (seen.length < count) await scheduler.wait(1);
  return seen.splice(0);
}

async function check(stub) {
  const ask = async (path, body) => (await stub.fetch(`http://reader/${path}`, { method: "POST", body })).text();
  for (const [path, answer] of [["ignore", "ignored"], ["cancel", "cancelled"], ["part", "some"]]) {
    const { readable, refused } = endless();
    strictEqual(await ask(path, readable), answer);
    strictEqual(await refused, "refused", path);
    strictEqual(await ask(path, "short"), answer);
  }
  for (const path of ["late", "clone", "reading"]) {
    const { readable, refused } = endless();
    strictEqual(await ask(path, readable), "answered");
    strictEqual(await refused, "refused", path);
    deepStrictEqual(await told(1), [ANSWERED], path);
  }
  strictEqual(await ask("late", "short"), "answered");
  deepStrictEqual(await told(1), [ANSWERED]);
  const thrown = endless();
  await rejects(() => ask("throw", thrown.readable), { message: "thrown" });
  strictEqual(await thrown.refused, "refused");
  deepStrictEqual(await told(1), [FAILED]);
  // Until the answer's body is through, the request's may be read.
  const streamed = endless();
  strictEqual(await ask("stream", streamed.readable), "one and some");
  deepStrictEqual(await told(1), [ANSWERED]);
  strictEqual(await streamed.refused, "refused");
  const copied = await stub.fetch("http://reader/stream", { method: "POST", body: "short" });
  ok((await copied.text()).startsWith("one"));
  await told(1);
}

export const ofAService = { test: (_, env) => check(env.SERVICE) };
export const ofAnObject = { test: (_, env) => check(env.OBJECT.getByName("a")) };
export const ofAFacet = { test: (_, _env, ctx) => check(ctx.exports.Parent.getByName("a")) };
