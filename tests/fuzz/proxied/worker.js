// Does to a request and to its answer what the query says; `case.rs` names the ways.
import { DurableObject, WorkerEntrypoint } from "cloudflare:workers";

const mapped = (map) => new TransformStream({ transform: (chunk, to) => to.enqueue(map(chunk)) });
const doubled = (chunk) => {
  const twice = new Uint8Array(chunk.length * 2);
  for (let i = 0; i < chunk.length; i++) twice[2 * i] = twice[2 * i + 1] = chunk[i];
  return twice;
};
const halved = (chunk) => chunk.filter((byte) => byte & 1);

const encoder = new TextEncoder();
const streamOf = (text, error) =>
  new ReadableStream({
    pull(controller) {
      if (text) controller.enqueue(encoder.encode(text));
      else if (error) controller.error(error);
      else controller.close();
      text = undefined;
    },
  });
const piped = (body, transform, ctx) => {
  // What goes wrong on one side is seen on the other.
  ctx.waitUntil(body.pipeTo(transform.writable).catch(() => {}));
  return transform.readable;
};

const ask = (q, env, url, init) => (q.get("external") === "1" ? env.ORIGIN.fetch(url, init) : fetch(url, init));

async function up(request, q, id, env, ctx) {
  const url = `http://${q.get("host")}/${id}`;
  const { method, headers } = request;
  const bodiless = q.get("body") === "0";
  const stream = () => request.body ?? streamOf("");
  const own = `up ${id} own`;
  const send = (body) => ask(q, env, url, { method, headers, body });
  switch (q.get("up")) {
    case "Forward": return ask(q, env, new Request(url, request));
    case "Init": return send(request.body);
    case "Clone": return ask(q, env, new Request(url, request.clone()));
    case "Keep": return send();
    case "Bare": return ask(q, env, url, { method, headers: { "x-id": id } });
    case "Head": return ask(q, env, url, { method: "HEAD", headers });
    case "Get": return ask(q, env, url, { headers });
    case "Double": return send(bodiless ? null : piped(stream(), mapped(doubled), ctx));
    case "Replace": return send(bodiless ? null : own);
    case "Text": return send(bodiless ? null : await request.text());
    case "Bytes": return send(bodiless ? null : await request.arrayBuffer());
    case "Fixed":
    case "FixedOver":
    case "FixedUnder": return send(bodiless ? null : piped(stream(), new FixedLengthStream(+q.get("upLength")), ctx));
    case "Fail": return send(bodiless ? null : streamOf(own, new Error("meant")));
    case "Lie": {
      const lies = { "content-length": "7", "transfer-encoding": "chunked", host: "lie.example", connection: "close", "x-id": id };
      return ask(q, env, url, { method, headers: lies, body: bodiless ? null : own });
    }
  }
}

async function down(r, q, id, ctx) {
  const own = `down ${id} own`;
  const made = (body, headers) => new Response(body, { headers: { "x-id": id, ...headers } });
  const through = (transform) => new Response(r.body === null ? null : piped(r.body, transform, ctx), r);
  switch (q.get("down")) {
    case "Pass": return r;
    case "Rebuild": return new Response(r.body, r);
    case "Copy": return new Response(r.body, { status: r.status, headers: r.headers });
    case "Clone": { ctx.waitUntil(r.clone().text().catch(() => {})); return r; }
    case "Cloned": { const c = r.clone(); ctx.waitUntil(r.arrayBuffer().catch(() => {})); return c; }
    case "Tee": { if (r.body === null) return r; const [a, b] = r.body.tee(); ctx.waitUntil(b.cancel()); return new Response(a, r); }
    case "Grow": return new HTMLRewriter().on("i", { element: (e) => { e.setInnerContent("longer than before"); } }).transform(r);
    case "Shrink": return new HTMLRewriter().on("i", { element: (e) => { e.remove(); } }).transform(r);
    case "Double": return through(mapped(doubled));
    case "Halve": return through(mapped(halved));
    case "Identity": return through(new IdentityTransformStream());
    case "Fixed":
    case "FixedOver":
    case "FixedUnder": return through(new FixedLengthStream(+q.get("downLength")));
    case "Text": return new Response(await r.text(), r);
    case "Bytes": return new Response(await r.arrayBuffer(), r);
    case "Null": return new Response(null, r);
    case "Ignore": return made(own);
    case "Cancel": { await r.body?.cancel(); return made(own); }
    case "LieLonger": return made(own, { "content-length": `${own.length + 5}` });
    case "LieShorter": return made(own, { "content-length": `${own.length - 5}` });
    case "LieTwice": { const made2 = made(own, { "content-length": "3" }); made2.headers.append("content-length", "99"); return made2; }
    case "LieCoding": return made(own, { "transfer-encoding": "chunked", connection: "x-id", "keep-alive": "9", upgrade: "h2c" });
    case "LieStream": return made(streamOf(own), { "content-length": `${own.length + 5}` });
    case "Fail": return made(streamOf(own, new Error("meant")));
  }
}

async function exchange(request, env, ctx) {
  const { pathname, searchParams: q } = new URL(request.url);
  const id = pathname.slice(1);
  return down(await up(request, q, id, env, ctx), q, id, ctx);
}

export default {
  fetch(request, env, ctx) {
    const q = new URL(request.url).searchParams;
    const object = () => env.OBJECTS.get(env.OBJECTS.idFromName(q.get("object")));
    switch (q.get("via")) {
      case "Service": return env.INNER.fetch(request);
      case "Object": return object().fetch(request);
      case "Rpc": return env.INNER.answer(request);
      case "ObjectRpc": return object().answer(request);
    }
    return exchange(request, env, ctx);
  },
};

export class Inner extends WorkerEntrypoint {
  fetch(request) { return exchange(request, this.env, this.ctx); }
  answer(request) { return exchange(request, this.env, this.ctx); }
}

export class Thing extends DurableObject {
  fetch(request) { return exchange(request, this.env, this.ctx); }
  answer(request) { return exchange(request, this.env, this.ctx); }
}
